// The cpu backend: oneDNN where it is good, own vectorised loops elsewhere, and the reference backend's loops for the rest.
#pragma once

#include "core/backend.hpp"

namespace cnn {

std::unique_ptr<Backend> makeCpuBackend();

}  // namespace cnn

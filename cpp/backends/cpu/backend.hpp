// The cpu backend: oneDNN where it is good, own vectorised loops elsewhere, and what its opener has for the rest.
#pragma once

#include "core/cpu_plugin.hpp"

namespace cnn { std::unique_ptr<Backend> makeCpuBackend(PrepareFunction others); }  // namespace cnn

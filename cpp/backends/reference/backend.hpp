// The reference backend as the device registry sees it.
#pragma once

#include "core/backend.hpp"

namespace cnn {

std::unique_ptr<Backend> makeReferenceBackend();

}  // namespace cnn

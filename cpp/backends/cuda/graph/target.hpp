// Target: the device that plans are made for. It is present, by a cuDNN handle, or only described, for tests on a machine without a GPU.
#pragma once

#include "core/backend.hpp"
#include "descriptor.hpp"

namespace cnn::cuda::graph {

struct Target {
  cudnnHandle_t handle = nullptr;  // null: a described device
  Descriptor described;
  Switches switches;
};

}  // namespace cnn::cuda::graph

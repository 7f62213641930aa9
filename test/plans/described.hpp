// Devices by their numbers alone: cuDNN makes plans for them on a machine that has none.
#pragma once

#include "backends/cuda/graph/target.hpp"

namespace cnn::cuda::graph {

/// A device of a compute capability (75, 80, 86, 89, 90, 100, 120), with the sizes of one product. Its plans can be
/// made, not run.
Target describedTarget(int computeCapability, const CudaOptions& options);

}  // namespace cnn::cuda::graph

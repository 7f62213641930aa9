// What nvcc compiled our kernels for: all of them alike, so one answers for all.
#pragma once

#include <cuda_runtime_api.h>

#include <span>

namespace cnn::cuda {

/// Compute capabilities times 100: 750, 900, 1200.
std::span<const int> architectures();
/// What CUDA answers when it is asked for a kernel's code on the calling thread's device; makes a context there.
cudaError_t askForCode();

}  // namespace cnn::cuda

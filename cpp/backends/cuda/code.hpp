// For which GPUs nvcc made our kernels, and whether one that is here can run them.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

namespace cnn::cuda {

/// Whether this very compute capability was compiled for. Others may run that code all the same: only CUDA can say.
bool isBuiltFor(const cudaDeviceProp&);

/// Why the calling thread's device, of these properties, can't run our kernels, in a sentence; empty where it can, and
/// where CUDA says nothing about it. Makes a context on the device.
std::string whyNoCode(const cudaDeviceProp&);

}  // namespace cnn::cuda

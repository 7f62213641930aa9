// launch.cuh as g++ sees it for the simulated device: the real one, in which each launch also registers its kernel, the
// template parameter `kernel`, under the name that nvcc would give it.
#pragma once

#include <cuda_runtime.h>

#include "cudasim_kernel.hpp"

#define cudaLaunchKernel(...) (static_cast<void>(::cudasim::isRegistered<kernel>), cudaLaunchKernel(__VA_ARGS__))
#include_next "backends/cuda/launch.cuh"
#undef cudaLaunchKernel

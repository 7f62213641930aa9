// launch.cuh as the simulator's build of the kernels sees it: nothing is launched here, each launch registers its kernel.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "cudasim_kernel.hpp"

#define CHECK(call) static_cast<void>(call)

namespace cnn::cuda {

struct Grid {
  dim3 blocks, threads;
  std::size_t sharedBytes = 0;
};

inline Grid gridFor(long long, int = 256) { return {}; }

template <auto kernel, class... Arguments>
void launch(cudaStream_t, const Grid&, Arguments...) {
  static_cast<void>(cudasim::isRegistered<kernel>);
}

}  // namespace cnn::cuda

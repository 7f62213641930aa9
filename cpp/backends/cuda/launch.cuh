// How our kernels are started: launch<kernel>(…) checks the arguments' types against the kernel's, and the launch.
#pragma once

#include <cuda_runtime.h>

#include <type_traits>

#include "backends/cuda/check.hpp"

namespace cnn::cuda {

/// Blocks and threads of a launch, with the bytes of dynamic shared memory that each block gets.
struct Grid {
  dim3 blocks, threads;
  std::size_t sharedBytes = 0;
};

/// One thread an element up to a bound: the kernel walks on in steps of the whole grid.
inline Grid gridFor(long long elements, int threads = 256) {
  long long blocks = (elements + threads - 1) / threads;
  return {dim3(static_cast<unsigned>(blocks < 1       ? 1
                                     : blocks > 65535 ? 65535
                                                      : blocks)),
          dim3(static_cast<unsigned>(threads))};
}

template <auto kernel, class... Parameters>
void launchAs(void (*)(Parameters...), cudaStream_t stream, const Grid& grid,
              std::type_identity_t<Parameters>... arguments) {
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&arguments))..., nullptr};
  CHECK(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid.blocks, grid.threads, pointers, grid.sharedBytes,
                         stream));
}

/// launch<kernels::relu<float>>(stream, gridFor(n), x, y, n). Kernels must have a name that other files can see (no
/// anonymous namespace), so that they can be found by it.
template <auto kernel, class... Arguments>
void launch(cudaStream_t stream, const Grid& grid, Arguments... arguments) {
  launchAs<kernel>(kernel, stream, grid, arguments...);
}

}  // namespace cnn::cuda

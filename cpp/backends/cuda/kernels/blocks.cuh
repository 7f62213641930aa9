// Reductions within a warp and a block, always in the same order.
#pragma once

#include "device.cuh"

namespace cnn::cuda::kernels {

inline constexpr int warpSize32 = 32;

/// Σ, or whatever `op` (commutative) makes of two, over the 32 threads of a warp, all of which must come here; every
/// one gets it.
template <class A, class Op>
__device__ inline A warpReduce(A value, Op op) {
  for (int offset = warpSize32 / 2; offset > 0; offset /= 2)
    value = op(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

/// Likewise over all threads of a one-dimensional block of whole warps. It may be called again at once.
template <class A, class Op>
__device__ inline A blockReduce(A value, A identity, Op op) {
  __shared__ A parts[warpSize32];  // one a warp
  int lane = static_cast<int>(threadIdx.x) % warpSize32, warp = static_cast<int>(threadIdx.x) / warpSize32;
  int warps = static_cast<int>(blockDim.x) / warpSize32;
  value = warpReduce(value, op);
  __syncthreads();  // what a call before left may still be read
  if (lane == 0) parts[warp] = value;
  __syncthreads();
  return warpReduce(lane < warps ? parts[lane] : identity, op);
}

struct Sum {
  template <class A>
  __device__ A operator()(A a, A b) const {
    return a + b;
  }
};

template <class A>
__device__ inline A blockSum(A value) {
  return blockReduce(value, A(0), Sum{});
}

/// Over the threads that share a row: one, a warp, or the whole block.
template <int lanes, class A, class Op>
__device__ inline A rowReduce(A value, A identity, Op op) {
  if constexpr (lanes == 1) {
    return value;
  } else if constexpr (lanes == warpSize32) {
    return warpReduce(value, op);
  } else {
    return blockReduce(value, identity, op);
  }
}
template <int lanes, class A>
__device__ inline A rowSum(A value) {
  return rowReduce<lanes>(value, A(0), Sum{});
}

}  // namespace cnn::cuda::kernels

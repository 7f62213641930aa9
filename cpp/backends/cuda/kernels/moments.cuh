// Mean and spread of a set, one element after the other (Welford), and of two sets together (Chan, Golub and LeVeque,
// "Updating formulae and a pairwise algorithm for computing sample variances", 1979): nothing cancels.
#pragma once

#include "blocks.cuh"

namespace cnn::cuda::kernels {

template <class C>
struct Moments {
  C count, mean, squares;  // squares: Σ (x − mean)²

  __device__ void add(C x) {
    count += 1;
    C distance = x - mean;
    mean += distance / count;
    squares += distance * (x - mean);
  }
  __device__ void merge(const Moments& other) {
    C total = count + other.count;
    if (total == 0) return;
    C distance = other.mean - mean, share = other.count / total;
    mean += distance * share;
    squares += other.squares + distance * distance * count * share;
    count = total;
  }
};

/// The moments of what the threads of a row hold: a warp, or a one-dimensional block of `lanes` threads. Every thread
/// gets them.
template <int lanes, class C>
__device__ inline Moments<C> rowMoments(Moments<C> held) {
  for (int offset = warpSize32 / 2; offset > 0; offset /= 2) {
    held.merge({__shfl_down_sync(0xffffffffu, held.count, offset), __shfl_down_sync(0xffffffffu, held.mean, offset),
                __shfl_down_sync(0xffffffffu, held.squares, offset)});
  }
  if constexpr (lanes == warpSize32) {
    return {__shfl_sync(0xffffffffu, held.count, 0), __shfl_sync(0xffffffffu, held.mean, 0),
            __shfl_sync(0xffffffffu, held.squares, 0)};
  } else {
    __shared__ Moments<C> parts[lanes / warpSize32];  // one a warp
    __syncthreads();                                  // what a call before left may still be read
    if (threadIdx.x % warpSize32 == 0) parts[threadIdx.x / warpSize32] = held;
    __syncthreads();
    Moments<C> all = parts[0];
    for (int warp = 1; warp < lanes / warpSize32; warp++) all.merge(parts[warp]);
    return all;
  }
}

}  // namespace cnn::cuda::kernels

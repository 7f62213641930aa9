// What the losses of classes share: the class of a target, and how sums become a loss.
#pragma once

#include "blocks.cuh"
#include "loss.hpp"

namespace cnn::cuda::kernels {

/// Σ of the terms and of the weights used.
struct LossSums {
  double loss, weight;
};

/// The class of a target, or −1 where it counts nothing: it is ignored, or wrong (a fault).
__device__ inline Index classOf(const std::int32_t* target, Index position, Index classes, Index ignoreIndex,
                                FaultKind kind, FaultSink sink) {
  std::int32_t c = target[position];
  if (c == ignoreIndex) return -1;
  if (c >= 0 && c < classes) return c;
  report(sink, kind, c, classes, position);
  return -1;
}

/// By one thread. A mean of nothing is NaN.
template <class T>
__device__ inline void writeLoss(Reduction reduction, LossSums sums, T* loss, T* totalWeight) {
  using C = Compute<T>;
  if (reduction == Reduction::sum) *loss = put<T>(static_cast<C>(sums.loss));
  if (reduction == Reduction::mean) *loss = put<T>(static_cast<C>(sums.loss / sums.weight));
  *totalWeight = put<T>(static_cast<C>(sums.weight));
}

/// By a whole block: its sums become a part, or the loss if it is the only block.
template <class T>
__device__ inline void finishLoss(Reduction reduction, LossSums sums, LossSums* parts, T* loss, T* totalWeight) {
  sums = {blockSum(sums.loss), blockSum(sums.weight)};
  if (threadIdx.x != 0) return;
  if (gridDim.x > 1) {
    parts[blockIdx.x] = sums;
  } else {
    writeLoss(reduction, sums, loss, totalWeight);
  }
}

}  // namespace cnn::cuda::kernels

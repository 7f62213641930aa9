// Walk: an index space that several tensors walk together, each with its own strides. Plain data, passed to kernels by
// value.
#pragma once

#include <algorithm>
#include <array>

#include "backends/cuda/layout.hpp"
#include "base/desc.hpp"
#include "base/device_code.hpp"
#include "base/strided.hpp"

namespace cnn::cuda {

/// Strides may be 0 (broadcast) or negative (backwards). The last axis is the innermost of the loop.
template <int N>
struct Walk {
  int rank = 1;
  Index count = 1;  // elements
  Index shape[maxRank] = {1};
  Index strides[N][maxRank] = {};

  /// Whether tensor n is walked from its first element to its last, without a jump.
  bool isContiguous(int n) const { return rank == 1 && (strides[n][0] == 1 || count <= 1); }
  /// Whether tensor n is one element, read again and again.
  bool isScalar(int n) const { return rank == 1 && (strides[n][0] == 0 || count <= 1); }

  /// Whether every index and offset fits 31 bits, so that kernels may divide in 32.
  bool fitsInt32() const {
    if (count > 0x7fffffff) return false;
    for (int n = 0; n < N; n++) {
      Index reach = 0;
      for (int axis = 0; axis < rank; axis++) {
        reach += (strides[n][axis] < 0 ? -strides[n][axis] : strides[n][axis]) * (shape[axis] - 1);
      }
      if (reach > 0x7fffffff) return false;
    }
    return true;
  }
};

/// With as few axes as there can be.
template <int N>
Walk<N> makeWalk(const Dims& shape, std::array<Dims, N> strides) {
  Walk<N> walk;
  walk.count = shape.product();
  if (walk.count == 0) return {.rank = 1, .count = 0};
  const Dims sizes = joinAxes(shape, strides);
  walk.rank = sizes.size();
  std::copy(sizes.begin(), sizes.end(), walk.shape);
  for (std::size_t n = 0; n < N; n++) std::copy(strides[n].begin(), strides[n].end(), walk.strides[n]);
  return walk;
}

/// The axes of a tensor as they lie in memory, the outermost first.
inline Dims memoryOrder(const TensorDesc& desc) {
  Dims order;
  for (int axis = 0; axis < desc.rank(); axis++) {
    if (axis != 1 || desc.layout != channelsLast) order.push(axis);
  }
  if (desc.layout == channelsLast) order.push(1);
  return order;
}

inline Dims permuted(const Dims& values, const Dims& axes) {
  Dims result;
  for (Index axis : axes) result.push(values[static_cast<int>(axis)]);
  return result;
}

/// A walk along y's memory (tensor 0) and what is read for it, each input broadcast to y.
template <int N>
Walk<N> broadcastWalk(const TensorDesc& y, const std::array<TensorDesc, N - 1>& inputs) {
  Dims order = memoryOrder(y);
  std::array<Dims, N> strides;
  strides[0] = permuted(stridesOf(y), order);
  for (std::size_t n = 1; n < N; n++)
    strides[n] = permuted(broadcastStrides(inputs[n - 1].shape, y.shape, stridesOf(inputs[n - 1])), order);
  return makeWalk<N>(permuted(y.shape, order), strides);
}

/// The offset in each tensor of element i; I is int where the walk fits it, else Index.
template <class I, int N>
DEVICE_CODE inline void offsetsAt(const Walk<N>& walk, I i, I (&offsets)[N]) {
  for (int n = 0; n < N; n++) offsets[n] = 0;
  for (int axis = walk.rank - 1; axis >= 0; axis--) {
    I at = i;
    if (axis > 0) {
      I size = static_cast<I>(walk.shape[axis]);
      i /= size;
      at -= i * size;
    }
    for (int n = 0; n < N; n++) offsets[n] += at * static_cast<I>(walk.strides[n][axis]);
  }
}

}  // namespace cnn::cuda

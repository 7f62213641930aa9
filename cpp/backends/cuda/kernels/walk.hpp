// Walk: an index space that several tensors walk together, each with its own strides. Plain data, passed to kernels by value.
#pragma once

#include <array>

#include "backends/cuda/layout.hpp"
#include "base/desc.hpp"
#include "base/device_code.hpp"

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
  bool isSmall() const {
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

/// Neighbouring axes that every tensor crosses without a jump become one.
template <int N>
Walk<N> makeWalk(const Dims& shape, const std::array<Dims, N>& strides) {
  Walk<N> walk;
  walk.rank = 0;
  walk.count = shape.product();
  if (walk.count == 0) return {.rank = 1, .count = 0};
  for (int axis = 0; axis < shape.size(); axis++) {
    if (shape[axis] == 1) continue;
    int last = walk.rank - 1;
    bool joins = last >= 0;
    for (std::size_t n = 0; n < N && joins; n++) joins = walk.strides[n][last] == strides[n][axis] * shape[axis];
    int to = joins ? last : walk.rank++;
    walk.shape[to] = joins ? walk.shape[to] * shape[axis] : shape[axis];
    for (std::size_t n = 0; n < N; n++) walk.strides[n][to] = strides[n][axis];
  }
  if (walk.rank == 0) {
    walk.rank = 1;
    walk.shape[0] = 1;
  }
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

/// The strides with which a tensor is read where it is broadcast to `to`.
inline Dims broadcastStrides(const TensorDesc& desc, const Dims& to) {
  Dims own = stridesOf(desc), strides = Dims::filled(to.size(), 0);
  int missing = to.size() - desc.rank();
  for (int i = 0; i < desc.rank(); i++) strides[missing + i] = desc.shape[i] == 1 ? 0 : own[i];
  return strides;
}

/// A walk along y's memory (tensor 0) and what is read for it, each input broadcast to y.
template <int N>
Walk<N> broadcastWalk(const TensorDesc& y, const std::array<TensorDesc, N - 1>& inputs) {
  Dims order = memoryOrder(y);
  std::array<Dims, N> strides;
  strides[0] = permuted(stridesOf(y), order);
  for (std::size_t n = 1; n < N; n++) strides[n] = permuted(broadcastStrides(inputs[n - 1], y.shape), order);
  return makeWalk<N>(permuted(y.shape, order), strides);
}

/// The offset in each tensor of element i; I is int where the walk is small, else Index.
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

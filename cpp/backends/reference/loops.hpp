// What the plain loops share: three spatial dimensions for all ranks, walking an index space, moving elements, numbers.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.hpp"
#include "base/strided.hpp"
#include "kernels.hpp"

namespace cnn::reference {

// ---- spatial dimensions -------------------------------------------------------------------------------------------

/// A value for each of depth, height and width. One or two spatial dimensions are three whose first ones have size 1.
using Triple = std::array<Index, 3>;

/// `fill` stands for the leading dimensions that `spatial` lacks: 1 for sizes, strides and dilations, 0 for paddings.
inline Triple lift(const Dims& spatial, Index fill) {
  Triple triple = {fill, fill, fill};
  for (int i = 0; i < spatial.size(); i++) triple[static_cast<std::size_t>(3 - spatial.size() + i)] = spatial[i];
  return triple;
}

inline Triple spatialOf(const Dims& shape) { return lift(shape.slice(2), 1); }  // of [N, C, spatial…]
inline Index volume(const Triple& size) { return size[0] * size[1] * size[2]; }

/// What lies around an axis: a tensor is [outer, size, inner].
struct Split {
  Index outer, size, inner;
  Split(const Dims& shape, Index axis)
      : outer(shape.slice(0, static_cast<int>(axis)).product()),
        size(shape[static_cast<int>(axis)]),
        inner(shape.slice(static_cast<int>(axis) + 1).product()) {}
};

// ---- walking ------------------------------------------------------------------------------------------------------

template <std::size_t N>
using Walk = StridedRows<N>;

// ---- moving elements ----------------------------------------------------------------------------------------------

/// memcpy that allows nothing to be copied from or to nowhere.
inline void copyBytes(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0 && to != from) std::memcpy(to, from, bytes);
}

template <class T>
void copyElements(T* to, const T* from, Index count) {
  copyBytes(to, from, static_cast<std::size_t>(count) * sizeof(T));
}

/// Calls `f(Type<T>{})` with an unsigned type as large as an element: where values only move, their meaning does not
/// matter.
template <class F>
decltype(auto) dispatchSize(DType dtype, F&& f) {
  switch (sizeOf(dtype)) {
    case 8: return f(Type<std::uint64_t>{});
    case 4: return f(Type<std::uint32_t>{});
    case 2: return f(Type<std::uint16_t>{});
    default: return f(Type<std::uint8_t>{});
  }
}

// ---- numbers ------------------------------------------------------------------------------------------------------

/// Any element as a double: exact for every type.
template <class T>
double widen(T value) {
  if constexpr (std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>) {
    return static_cast<double>(static_cast<float>(value));
  } else {
    return static_cast<double>(value);
  }
}

/// A double as an element: floats round to nearest, integers truncate and saturate (NaN: 0), bool is whether it is not
/// 0.
template <class T>
T narrow(double value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else if constexpr (std::is_integral_v<T>) {
    if (std::isnan(value)) return 0;
    if (value <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
    if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    return static_cast<T>(value);
  } else if constexpr (std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>) {
    return T(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

/// Writes sums that were made in double.
template <class T>
void narrowAll(T* to, const double* from, Index count) {
  for (Index i = 0; i < count; i++) to[i] = narrow<T>(from[i]);
}

/// Bytes of `count` doubles: the workspace of ops that add up in any order of their output.
inline std::size_t doubles(Index count) { return static_cast<std::size_t>(count) * sizeof(double); }

}  // namespace cnn::reference

// Several tensors walked together, each with its own strides: 0 where it repeats (broadcast), negative where it is
// walked backwards.
#pragma once

#include <array>

#include "dims.hpp"

namespace cnn {

/// The strides with which a plain tensor of `shape` is read where it is broadcast to `to`; `own`: its strides, where it
/// is not plain.
inline Dims broadcastStrides(const Dims& shape, const Dims& to, const Dims& own) {
  Dims strides = Dims::filled(to.size(), 0);
  int missing = to.size() - shape.size();
  for (int i = 0; i < shape.size(); i++) strides[missing + i] = shape[i] == 1 ? 0 : own[i];
  return strides;
}
inline Dims broadcastStrides(const Dims& shape, const Dims& to) {
  return broadcastStrides(shape, to, stridesOf(shape));
}

/// Neighbouring axes that every tensor crosses without a jump become one, and axes of one element go; one axis is left
/// at least. Returns the sizes; `strides` has the Dims of each tensor, which become those of the joined axes.
template <class Strides>
Dims joinAxes(const Dims& sizes, Strides& strides) {
  Dims joined;
  Strides left = strides;
  for (Dims& each : left) each = {};
  for (int axis = 0; axis < sizes.size(); axis++) {
    if (sizes[axis] == 1) continue;
    bool joins = !joined.empty();
    for (std::size_t n = 0; n < strides.size() && joins; n++) joins = left[n].back() == strides[n][axis] * sizes[axis];
    if (joins) {
      joined.back() *= sizes[axis];
      for (std::size_t n = 0; n < strides.size(); n++) left[n].back() = strides[n][axis];
    } else {
      joined.push(sizes[axis]);
      for (std::size_t n = 0; n < strides.size(); n++) left[n].push(strides[n][axis]);
    }
  }
  if (joined.empty()) {
    joined.push(1);
    for (Dims& each : left) each.push(1);
  }
  strides = left;
  return joined;
}

/// What N tensors have in common as rows along the last axis, as long as can be.
template <std::size_t N>
class StridedRows {
 public:
  using Offsets = std::array<Index, N>;

  StridedRows(const Dims& shape, const std::array<Dims, N>& strides)
      : strides_(strides), sizes_(joinAxes(shape, strides_)) {
    for (int axis = 0; axis < sizes_.size() - 1; axis++) rows_ *= sizes_[axis];
    if (length() == 0) rows_ = 0;
  }

  Index rows() const { return rows_; }
  /// Elements of a row, and how far apart they are in tensor n.
  Index length() const { return sizes_.back(); }
  Index step(std::size_t n) const { return strides_[n].back(); }

  /// Calls f(row, offsets) with the offset of each row's first element in each tensor, for the rows [from, to).
  template <class F>
  void forEachRow(Index from, Index to, F&& f) const {
    const int last = sizes_.size() - 1;
    Dims index = Dims::filled(last, 0);
    Offsets at{};
    Index rest = from;
    for (int axis = last - 1; axis >= 0 && rest > 0; axis--) {
      index[axis] = rest % sizes_[axis];
      rest /= sizes_[axis];
      for (std::size_t n = 0; n < N; n++) at[n] += index[axis] * strides_[n][axis];
    }
    for (Index row = from; row < to; row++) {
      f(row, static_cast<const Offsets&>(at));
      for (int axis = last - 1; axis >= 0; axis--) {
        for (std::size_t n = 0; n < N; n++) at[n] += strides_[n][axis];
        if (++index[axis] < sizes_[axis]) break;
        for (std::size_t n = 0; n < N; n++) at[n] -= strides_[n][axis] * sizes_[axis];
        index[axis] = 0;
      }
    }
  }
  template <class F>
  void forEachRow(F&& f) const {
    forEachRow(0, rows_, [&](Index, const Offsets& at) { f(at); });
  }

 private:
  std::array<Dims, N> strides_;
  Dims sizes_;  // made of strides_, and after it
  Index rows_ = 1;
};

}  // namespace cnn

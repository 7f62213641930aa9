// Sweep: walks an output in memory order together with inputs that broadcast, as few and long runs of elements as there can be.
#pragma once

#include <array>

#include "parallel.hpp"

namespace cnn::cpu {

/// Strides of a plain tensor of `shape` within an output shape that it broadcasts to: 0 where it repeats.
inline Dims broadcastStrides(const Dims& shape, const Dims& output) {
  Dims strides = Dims::filled(output.size(), 0), own = stridesOf(shape);
  int skip = output.size() - shape.size();
  for (int axis = 0; axis < shape.size(); axis++) {
    if (shape[axis] != 1) strides[axis + skip] = own[axis];
  }
  return strides;
}

template <std::size_t inputs>
class Sweep {
 public:
  Sweep(const Dims& sizes, const std::array<Dims, inputs>& strides) {
    // Neighbouring axes that every input walks without a gap are one axis.
    for (int axis = 0; axis < sizes.size(); axis++) {
      if (sizes[axis] == 1) continue;
      bool joins = !sizes_.empty();
      for (std::size_t i = 0; i < inputs; i++) joins = joins && strides_[i].back() == strides[i][axis] * sizes[axis];
      if (joins) {
        sizes_.back() *= sizes[axis];
        for (std::size_t i = 0; i < inputs; i++) strides_[i].back() = strides[i][axis];
      } else {
        sizes_.push(sizes[axis]);
        for (std::size_t i = 0; i < inputs; i++) strides_[i].push(strides[i][axis]);
      }
    }
    if (sizes_.empty()) {
      sizes_.push(1);
      for (auto& each : strides_) each.push(1);
    }
  }

  /// Calls f(output offset, input offsets, whether each input steps (else it stays), count) for each run. A last axis must have
  /// strides 0 or 1 in every input.
  template <class F>
  void run(F&& f) const {
    Index inner = sizes_.back(), outer = 1;
    int last = sizes_.size() - 1;
    for (int axis = 0; axis < last; axis++) outer *= sizes_[axis];
    std::array<bool, inputs> steps;
    for (std::size_t i = 0; i < inputs; i++) steps[i] = strides_[i][last] != 0;
    if (outer == 1) {
      parallelFor(inner, grainElements, [&](Index from, Index to) {
        std::array<Index, inputs> offsets;
        for (std::size_t i = 0; i < inputs; i++) offsets[i] = steps[i] ? from : 0;
        f(from, offsets, steps, to - from);
      });
      return;
    }
    parallelRows(outer, inner + 8, [&](Index from, Index to) {
      Dims index = Dims::filled(last, 0);
      std::array<Index, inputs> offsets{};
      Index rest = from;
      for (int axis = last - 1; axis >= 0; axis--) {
        index[axis] = rest % sizes_[axis];
        rest /= sizes_[axis];
        for (std::size_t i = 0; i < inputs; i++) offsets[i] += index[axis] * strides_[i][axis];
      }
      for (Index row = from; row < to; row++) {
        f(row * inner, offsets, steps, inner);
        for (int axis = last - 1; axis >= 0; axis--) {
          for (std::size_t i = 0; i < inputs; i++) offsets[i] += strides_[i][axis];
          if (++index[axis] < sizes_[axis]) break;
          for (std::size_t i = 0; i < inputs; i++) offsets[i] -= strides_[i][axis] * sizes_[axis];
          index[axis] = 0;
        }
      }
    });
  }

 private:
  Dims sizes_;
  std::array<Dims, inputs> strides_;
};

}  // namespace cnn::cpu

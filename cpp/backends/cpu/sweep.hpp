// Sweep: walks an output in memory order together with inputs that broadcast, as few and long runs of elements as there
// can be.
#pragma once

#include <array>

#include "base/strided.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

template <std::size_t inputs>
class Sweep {
 public:
  Sweep(const Dims& sizes, const std::array<Dims, inputs>& strides) : rows_(sizes, strides) {}

  /// Calls f(output offset, input offsets, whether each input steps (else it stays), count) for each run. A last axis
  /// must have strides 0 or 1 in every input.
  template <class F>
  void run(F&& f) const {
    using Offsets = std::array<Index, inputs>;
    const Index length = rows_.length();
    std::array<bool, inputs> steps;
    for (std::size_t i = 0; i < inputs; i++) steps[i] = rows_.step(i) != 0;
    if (rows_.rows() == 1) {
      parallelFor(length, grainElements, [&](Index from, Index to) {
        Offsets offsets;
        for (std::size_t i = 0; i < inputs; i++) offsets[i] = steps[i] ? from : 0;
        f(from, offsets, steps, to - from);
      });
      return;
    }
    parallelRows(rows_.rows(), length + 8, [&](Index from, Index to) {
      rows_.forEachRow(from, to, [&](Index row, const Offsets& offsets) { f(row * length, offsets, steps, length); });
    });
  }

 private:
  StridedRows<inputs> rows_;
};

}  // namespace cnn::cpu

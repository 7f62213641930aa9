// Blocks: an output in memory order, cut into pieces that fit the first-level cache, and what of each input belongs to
// a piece.
#pragma once

#include <utility>
#include <vector>

#include "base/strided.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

class Blocks {
 public:
  static constexpr Index most = 1024;  // elements of a block: 4 KB of floats

  /// `strides`: those of each input; the last axis has 0 or 1.
  Blocks(const Dims& sizes, std::vector<Dims> strides)
      : strides_(std::move(strides)), sizes_(joinAxes(sizes, strides_)), reach_(strides_.size()) {
    for (std::size_t i = 0; i < strides_.size(); i++) {
      bool isSingle = std::all_of(strides_[i].begin(), strides_[i].end(), [](Index stride) { return stride == 0; });
      reach_[i] = strides_[i] == stridesOf(sizes_) ? Reach::whole : isSingle ? Reach::single : Reach::part;
    }
  }

  Index elements() const { return sizes_.product(); }

  /// Elements of the block that begins at `at`, before `to`. It ends with a long row, so that what stays in a row need
  /// not be spread.
  Index lengthAt(Index at, Index to) const {
    constexpr Index longRow = most / 4;
    Index row = sizes_.back(), length = std::min(most, to - at);
    return row >= longRow ? std::min(length, row - at % row) : length;
  }

  /// What input i has for a block: `at[k]`, or `at[0]` again and again where it does not step.
  struct Piece {
    const float* at;
    bool steps;
  };
  /// `spread` (of `most` elements) is where the piece is put together if it does not lie in memory as such.
  Piece piece(std::size_t i, const float* input, Index at, Index count, float* spread) const {
    if (reach_[i] == Reach::whole) return {input + at, true};
    if (reach_[i] == Reach::single) return {input, false};
    Index row = sizes_.back(), column = at % row;
    bool steps = strides_[i].back() != 0;
    Rows rows(*this, i, at / row);
    if (column + count <= row) return {input + rows.offset + (steps ? column : 0), steps};
    for (Index done = 0; done < count; column = 0, rows.next()) {
      Index length = std::min(row - column, count - done);
      const float* from = input + rows.offset;
      if (steps) {
        std::copy_n(from + column, length, spread + done);
      } else {
        std::fill_n(spread + done, length, *from);
      }
      done += length;
    }
    return {spread, true};
  }

 private:
  // whole: as the output; single: one element
  enum class Reach : std::uint8_t { whole, single, part };

  // The offsets of an input's rows, one after another.
  struct Rows {
    Rows(const Blocks& blocks, std::size_t i, Index row)
        : sizes(blocks.sizes_), strides(blocks.strides_[i]), index(Dims::filled(sizes.size(), 0)) {
      for (int axis = sizes.size() - 2; axis >= 0; axis--) {
        index[axis] = row % sizes[axis];
        row /= sizes[axis];
        offset += index[axis] * strides[axis];
      }
    }
    void next() {
      for (int axis = sizes.size() - 2; axis >= 0; axis--) {
        offset += strides[axis];
        if (++index[axis] < sizes[axis]) return;
        offset -= strides[axis] * sizes[axis];
        index[axis] = 0;
      }
    }
    const Dims &sizes, &strides;
    Dims index;
    Index offset = 0;
  };

  std::vector<Dims> strides_;
  Dims sizes_;  // made of strides_, and after it
  std::vector<Reach> reach_;
};

}  // namespace cnn::cpu

// How the cpu backend's layouts order memory, and the numbers under which the core knows them; it must not know oneDNN.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/desc.hpp"

namespace cnn::cpu {

/// The order of a tensor in memory, from the outermost step to the innermost. A step walks an axis: in pieces of
/// `block` elements, or, with block 0, all that the other steps of that axis leave. nChw8c is {0} {1} {2} {3} {1, 8}.
struct Step {
  int axis = 0;
  Index block = 0;
  friend auto operator<=>(const Step&, const Step&) = default;
};
using Format = std::vector<Step>;

/// How many elements each step of `format` has in a tensor of this shape.
std::vector<Index> extentsOf(const Format& format, const Dims& shape);
/// The one spelling for all formats that put this shape's elements at the same places; {0} {1} {2} … where that is
/// row-major.
Format canonical(const Format& format, const Dims& shape);
Format plainFormat(int rank);
/// Elements that a tensor takes, padding included.
Index paddedElements(const Format& format, const Dims& shape);

/// Gives each format a number; 0 is row-major. Used from the threads that prepare kernels.
class LayoutTable {
 public:
  Layout intern(const Format& format, const Dims& shape);
  Format format(const TensorDesc& desc) const;

 private:
  mutable std::mutex mutex_;
  std::deque<Format> formats_;  // formats_[id - 1]
  std::map<Format, std::uint32_t> ids_;
};

/// An activation [N, C, spatial…] as own loops walk it: memory is [batch][blocks][positions][lanes], and channel c is
/// lane c % lanes of block c / lanes. Plain tensors have one lane, channels-last ones have one block.
struct ChannelView {
  Index batch = 1, blocks = 1, positions = 1, lanes = 1, channels = 1;
  bool isPadded() const { return blocks * lanes != channels; }
  Index elements() const { return batch * blocks * positions * lanes; }
};

/// The view of a tensor of rank 2 or more, or nothing where its format is not of that kind.
std::optional<ChannelView> channelView(const Format& format, const Dims& shape);

}  // namespace cnn::cpu

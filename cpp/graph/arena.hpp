// Where buffers lie in one arena: two share bytes only if they are never alive at the same step.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cnn::graph {

/// A buffer that is alive from step `first` to step `last`, both counted in.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0, last = 0;
};

struct Arena {
  std::vector<std::size_t> offsets;  // one a lifetime; multiples of the alignment
  std::size_t bytes = 0;
};

/// The largest first, each at the lowest place where it fits.
Arena packArena(std::span<const Lifetime> lifetimes, std::size_t alignment);

}  // namespace cnn::graph

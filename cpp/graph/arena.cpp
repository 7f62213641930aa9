// Packing lifetimes: greedy by size, which for networks comes within a few percent of the most that is alive at once.
#include "arena.hpp"

#include <algorithm>
#include <numeric>

namespace cnn::graph {

namespace {
std::size_t padded(std::size_t bytes, std::size_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }
}  // namespace

Arena packArena(std::span<const Lifetime> lifetimes, std::size_t alignment) {
  Arena arena;
  arena.offsets.resize(lifetimes.size());
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });
  std::vector<std::size_t> placed;  // by offset
  for (std::size_t i : order) {
    const Lifetime& own = lifetimes[i];
    std::size_t bytes = padded(own.bytes, alignment), offset = 0;
    for (std::size_t other : placed) {
      const Lifetime& that = lifetimes[other];
      if (that.last < own.first || own.last < that.first) continue;
      std::size_t begin = arena.offsets[other], end = begin + padded(that.bytes, alignment);
      if (offset + bytes <= begin) break;
      offset = std::max(offset, end);
    }
    arena.offsets[i] = offset;
    arena.bytes = std::max(arena.bytes, offset + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](std::size_t a, std::size_t b) { return arena.offsets[a] < arena.offsets[b]; }),
                  i);
  }
  return arena;
}

}  // namespace cnn::graph

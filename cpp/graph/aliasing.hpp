// Aliasing: the second step of a plan. It says which buffers of a draft lie in the memory of others, and from which
// step to which each is alive.
#pragma once

#include "draft.hpp"

namespace cnn::graph {

struct Aliasing {
  /// Of a buffer: steps, both counted in. The root's holds for all that lie in it.
  struct Life {
    int first = 0, last = -1;
  };
  /// A buffer that lies in another, so many bytes behind its beginning.
  struct Alias {
    int of = -1;
    std::size_t offset = 0;
  };
  std::vector<Life> lives;     // one a buffer
  std::vector<Alias> aliases;  // one a buffer
  std::vector<bool> isElided;  // one a step: what it would make is there already

  bool isRoot(int id) const { return aliases[static_cast<std::size_t>(id)].of < 0; }
  /// The buffer in whose memory it lies.
  int rootOf(int id) const;
  /// Bytes from where its root begins.
  std::size_t offsetOf(int id) const;
};

Aliasing findAliases(const Draft& draft);

}  // namespace cnn::graph

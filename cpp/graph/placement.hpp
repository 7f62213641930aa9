// Placement: the third step of a plan. It says where each buffer and each workspace lies.
#pragma once

#include "aliasing.hpp"

namespace cnn::graph {

struct Placement {
  std::vector<Reference> buffers;     // one a buffer
  std::vector<Reference> workspaces;  // one a step
  std::size_t arenaBytes = 0, constantArenaBytes = 0;
};

/// `alignment` of everything in the arena, in bytes.
Placement placeBuffers(const Draft& draft, const Aliasing& aliasing, std::size_t alignment);

}  // namespace cnn::graph

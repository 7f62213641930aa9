// The ways to compute one convolution, and which of them is taken.
#pragma once

#include <array>
#include <functional>
#include <span>

#include "conv_geometry.hpp"
#include "core/backend.hpp"

namespace cnn::cpu {

enum class Direction { forward, backwardData, backwardWeight };

/// One way to compute a convolution.
struct Candidate {
  /// Its pointers come in the order of its arguments: x, weight, y, bias forward; dy, weight, dx for the gradient of x;
  /// x, dy, dw, dbias for that of the weights. Those of an absent bias are null.
  using Pointers = std::span<const void* const>;
  std::string name;
  Layout weight;                       // as it reads the weights, or writes their gradient
  std::array<std::size_t, 4> bytes{};  // of each argument
  std::size_t workspaceBytes = 0;
  std::function<void(Pointers, void* workspace)> run;
};

/// A convolution whose activations lie as x and y in these layouts, or its gradient.
struct ConvCase {
  Engine& engine;
  const Signature& signature;
  const Geometry& geometry;
  Layout x, y;
  int threads;
  bool hasBias;
};

struct Choice {
  Candidate best;
  std::function<void()> tune;  // where set: finds out whether another is faster
};

/// The fastest here, as timed once on this machine, the earlier of two that are level. While that is not known: the
/// first, and how to find out. `weightsExceedCache`: the weights come from memory at each run, and it counts how many
/// bytes they are.
Choice fastest(Engine& engine, Direction direction, const Geometry& g, const std::vector<Candidate>& candidates,
               int threads, bool weightsExceedCache);

}  // namespace cnn::cpu

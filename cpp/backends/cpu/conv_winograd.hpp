// Convolution by Winograd's algorithm, where it applies: float32, windows of 3×3 or 5×5 at every position, channels in full vectors.
#pragma once

#include <vector>

#include "conv_candidates.hpp"
#include "ops/op.hpp"

namespace cnn::cpu {

/// Activations lie as x and y of the convolution in these layouts.
struct WinogradCase {
  Engine& engine;
  const Signature& signature;
  const Geometry& geometry;
  Layout x, y;
  int threads;
  bool hasBias;
};

/// Ways that are worth a try. `hasResidual`: what lies in y is added to the sums.
std::vector<Candidate> winogradForward(const WinogradCase& conv, bool hasResidual, Activation activation);
std::vector<Candidate> winogradBackwardData(const WinogradCase& conv);
std::vector<Candidate> winogradBackwardWeight(const WinogradCase& conv);

}  // namespace cnn::cpu

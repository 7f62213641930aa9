// Convolution by Winograd's algorithm, where it applies: float32, windows of 3×3 or 5×5 at every position, channels in
// full vectors.
#pragma once

#include <vector>

#include "conv_candidates.hpp"
#include "ops/op.hpp"

namespace cnn::cpu {

/// Ways that are worth a try. `hasResidual`: what lies in y is added to the sums.
std::vector<Candidate> winogradForward(const ConvCase& conv, bool hasResidual, Activation activation);
std::vector<Candidate> winogradBackwardData(const ConvCase& conv);
std::vector<Candidate> winogradBackwardWeight(const ConvCase& conv);

}  // namespace cnn::cpu

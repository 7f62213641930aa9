// Convolution as sums in registers over packed weights, for every geometry: an implicit matrix product whose inputs are
// read where they lie, or, where there is padding, from a copy of a band of the image that stays in a cache.
#pragma once

#include <optional>

#include "conv_candidates.hpp"
#include "ops/op.hpp"

namespace cnn::cpu {

/// Inputs and outputs that lie side by side in the layouts that packed convolutions read and write: blockLanes where
/// channels fill blocks, else 1.
struct PackedLanes {
  Index x = 1, y = 1;
  bool isDepthwise = false;
};
PackedLanes packedLanes(const Geometry& g);

/// Nothing where x and y lie otherwise, or the type is not float32. `hasResidual`: what lies in y is added to the sums.
std::optional<Candidate> packedForward(const ConvCase& conv, bool hasResidual, Activation activation);
std::optional<Candidate> packedBackwardData(const ConvCase& conv);
std::optional<Candidate> packedBackwardWeight(const ConvCase& conv);

}  // namespace cnn::cpu

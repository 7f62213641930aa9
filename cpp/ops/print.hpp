// Ops as text, for messages and printed programs.
#pragma once

#include <string>

#include "infer.hpp"

namespace cnn {

/// `conv(stride=[1, 1], padding=[0, 0], …, groups=1)`
std::string describe(const Op& op);
/// `conv(x float32[1, 3, 8, 8], weight float32[4, 3, 3, 3], stride=[1, 1], …)`
std::string describe(const Op& op, Inputs inputs);

}  // namespace cnn

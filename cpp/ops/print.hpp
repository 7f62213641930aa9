// Ops as text, for messages and printed programs.
#pragma once

#include <string>

#include "infer.hpp"

namespace cnn {

/// `conv(stride=[1, 1], padding=[0, 0], …, groups=1)`
std::string describe(const Op& op);
/// `conv(x float32[1, 3, 8, 8], weight float32[4, 3, 3, 3], stride=[1, 1], …)`
std::string describe(const Op& op, Inputs inputs);
/// The op with its function and the types of its inputs: `unary sin float64`, `gather float32 int32`.
std::string kindOf(const Op& op, Inputs inputs);

}  // namespace cnn

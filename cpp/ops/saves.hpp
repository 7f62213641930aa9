// What the gradient of one very op needs: some ops depend on their function, the others say it in their struct.
#pragma once

#include "op.hpp"

namespace cnn {

/// The inputs and outputs that the gradient rule of this op reads, as words ("" for none).
std::string_view savesOf(const Op& op);

/// How the gradient of this op is found; zero where the result is locally constant.
Gradient gradientOf(const Op& op);

}  // namespace cnn

// Half types on backends that do not compute in them: a kernel of the float32 op between two conversions.
#pragma once

#include "backend.hpp"
#include "ops/properties.hpp"

namespace cnn {

/// Whether any tensor of the op is bfloat16 or float16.
bool involvesHalf(const Signature& signature);

/// Whether a backend whose loops know float32 and float64 alone must decline.
inline bool needsWidening(const Op& op, const Signature& signature) {
  return involvesHalf(signature) && !movesElements(op);
}

/// The op in float32, as the backend prepares it, with its half inputs widened into the workspace before and its half
/// outputs (and the inputs that it overwrites) rounded to nearest even afterwards: so rounding happens between ops,
/// never within one. It takes four bytes of workspace for each half element. Declines where the backend declines that
/// too.
Prepared prepareWidened(Backend& backend, const Op& op, const Signature& signature);

/// Conversion between two layouts of a half type by way of float32, which holds every half exactly.
KernelPtr reorderWidened(Backend& backend, const TensorDesc& from, const TensorDesc& to);

}  // namespace cnn

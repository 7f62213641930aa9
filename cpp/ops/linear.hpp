// Matrix products.
#pragma once

#include "field.hpp"

namespace cnn {

/// y = x · weightᵀ + bias: x [..., I], weight [O, I], bias [O] → [..., O].
struct Linear : OpBase<Linear> {
  static constexpr std::string_view name = "linear", inputs = "x weight bias?", saves = "x weight";
  static constexpr Traits traits{Precision::half, Samples::byFields, Elements::multiplied, Halves::all};
};

/// The gradient of Linear for the weight (and the bias): x [..., I], dy [..., O] → dw [O, I], db [O] if `bias`.
struct LinearBackwardWeight : OpBase<LinearBackwardWeight> {
  static constexpr std::string_view name = "linearBackwardWeight", inputs = "x dy", outputs = "dw db?", saves = "x dy";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::multiplied, Halves::all};
  bool bias = false;
  FIELDS(LinearBackwardWeight, bias)
};

/// a [..., M, K] · b [..., K, N] → [..., M, N]; leading (batch) dimensions broadcast. `transposeA`: a is [..., K, M];
/// `transposeB`: b is [..., N, K].
struct MatMul : OpBase<MatMul> {
  static constexpr std::string_view name = "matmul", inputs = "a b", saves = "a b";
  static constexpr Traits traits{Precision::half, Samples::byFields, Elements::multiplied, Halves::all};
  bool transposeA = false, transposeB = false;
  FIELDS(MatMul, transposeA, transposeB)
};

}  // namespace cnn

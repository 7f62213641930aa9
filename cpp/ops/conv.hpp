// Convolution (cross-correlation, as in every deep-learning library) of one, two or three spatial dimensions, and its
// two gradients.
#pragma once

#include "field.hpp"

namespace cnn {

/// y[n, o, p] = bias[o] + Σ x[n, c, p·stride − padding + k·dilation] · weight[o, c, k]
/// x [N, C, spatial…], weight [O, C/groups, kernel…], bias [O]. `paddingEnd` may differ from `padding` ('same' with
/// even kernels).
struct Conv : OpBase<Conv> {
  static constexpr std::string_view name = "conv", inputs = "x weight bias?", saves = "x weight";
  static constexpr Traits traits{Precision::half, Samples::ofFirst, Elements::multiplied, Halves::all};
  Dims stride, padding, paddingEnd, dilation;
  Index groups = 1;
  FIELDS(Conv, stride, padding, paddingEnd, dilation, groups)
};

/// The gradient of Conv for x, and at the same time the transposed convolution: dy [N, O, …], weight [O, C/groups,
/// kernel…], bias [C] → dx [N, C, inputSize…].
struct ConvBackwardData : OpBase<ConvBackwardData> {
  static constexpr std::string_view name = "convBackwardData", inputs = "dy weight bias?", outputs = "dx",
                                    saves = "dy weight";
  static constexpr Traits traits{Precision::half, Samples::ofFirst, Elements::multiplied, Halves::all};
  Dims stride, padding, paddingEnd, dilation;
  Index groups = 1;
  Dims inputSize;  // spatial sizes of dx
  FIELDS(ConvBackwardData, stride, padding, paddingEnd, dilation, groups, inputSize)
};

/// The gradient of Conv for the weight (and the bias): x [N, C, …], dy [N, O, …] → dw [O, C/groups, kernelSize…], db
/// [O] if `bias`.
struct ConvBackwardWeight : OpBase<ConvBackwardWeight> {
  static constexpr std::string_view name = "convBackwardWeight", inputs = "x dy", outputs = "dw db?", saves = "x dy";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::multiplied, Halves::all};
  Dims stride, padding, paddingEnd, dilation;
  Index groups = 1;
  Dims kernelSize;
  bool bias = false;
  FIELDS(ConvBackwardWeight, stride, padding, paddingEnd, dilation, groups, kernelSize, bias)
};

}  // namespace cnn

// Ops that the compiled path makes of two or three neighbours: one sweep over memory where each alone would take its
// own. They have no gradients: fusing comes after the backward pass was recorded.
#pragma once

#include "conv.hpp"
#include "linear.hpp"
#include "loss.hpp"
#include "norm.hpp"

namespace cnn {

NAMED_ENUM(Activation, identity, relu, relu6);

/// y = activation(conv(x, weight) + bias + residual), residual like y. Beside a half x the bias may be float32, as the
/// sums are to which it is added.
struct ConvActivation : OpBase<ConvActivation> {
  static constexpr std::string_view name = "convActivation", inputs = "x weight bias? residual?";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::multiplied, Halves::all};
  static constexpr Gradient gradient = Gradient::missing;
  Dims stride, padding, paddingEnd, dilation;
  Index groups = 1;
  Activation activation = Activation::identity;
  FIELDS(ConvActivation, stride, padding, paddingEnd, dilation, groups, activation)
  Conv conv() const {
    return {.stride = stride, .padding = padding, .paddingEnd = paddingEnd, .dilation = dilation, .groups = groups};
  }
};

/// y = activation(x · weightᵀ + bias).
struct LinearActivation : OpBase<LinearActivation> {
  static constexpr std::string_view name = "linearActivation", inputs = "x weight bias?";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::multiplied, Halves::all};
  static constexpr Gradient gradient = Gradient::missing;
  Activation activation = Activation::identity;
  FIELDS(LinearActivation, activation)
};

/// y = activation(batchNorm(x) + residual); statistics as BatchNorm's.
struct BatchNormActivation : OpBase<BatchNormActivation> {
  static constexpr std::string_view name = "batchNormActivation",
                                    inputs = "x weight? bias? runningMean? runningVar? residual?",
                                    outputs = "y mean invStd", mutates = "runningMean runningVar";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::computed, Halves::data};
  static constexpr Gradient gradient = Gradient::missing;
  bool training = true;
  double eps = 1e-5;
  Activation activation = Activation::identity;
  double momentum = 0.1;
  FIELDS(BatchNormActivation, training, eps, activation)
  DYNAMIC(BatchNormActivation, momentum)
  bool overwrites() const { return training; }
  BatchNorm norm() const { return {.training = training, .eps = eps, .momentum = momentum}; }
};

/// The gradient of BatchNormActivation. Where y was clamped is found from y if it is there (needed with a residual),
/// else computed again from x, exactly as forward. `residual`: dr, what flows to the residual, comes out as well.
struct BatchNormActivationBackward : OpBase<BatchNormActivationBackward> {
  static constexpr std::string_view name = "batchNormActivationBackward", inputs = "dy x weight? bias? mean invStd y?",
                                    outputs = "dx dw db dr?";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::data};
  static constexpr Gradient gradient = Gradient::missing;
  bool training = true;
  double eps = 1e-5;
  Activation activation = Activation::identity;
  bool residual = false;
  FIELDS(BatchNormActivationBackward, training, eps, activation, residual)
};

/// nllLoss(logSoftmax(logits)) of logits [N, C]; logSums [N, 2] (float64 of float64, else float32): m = max and log Σ
/// exp(logits − m), for the gradient.
struct CrossEntropy : OpBase<CrossEntropy> {
  static constexpr std::string_view name = "crossEntropy", inputs = "logits target weight?",
                                    outputs = "loss totalWeight logSums";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr bool failsByValue = true;
  static constexpr Gradient gradient = Gradient::missing;
  Reduction reduction = Reduction::mean;
  Index ignoreIndex = -100;
  FIELDS(CrossEntropy, reduction, ignoreIndex)
  NllLoss loss() const { return {.reduction = reduction, .ignoreIndex = ignoreIndex}; }
};

/// dlogits = (softmax(logits) − one-hot) · weight[target] · dy, over totalWeight where the reduction is mean.
struct CrossEntropyBackward : OpBase<CrossEntropyBackward> {
  static constexpr std::string_view name = "crossEntropyBackward",
                                    inputs = "dy logits target weight? totalWeight logSums", outputs = "dlogits";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::missing;
  Reduction reduction = Reduction::mean;
  Index ignoreIndex = -100;
  FIELDS(CrossEntropyBackward, reduction, ignoreIndex)
};

}  // namespace cnn

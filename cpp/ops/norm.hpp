// Normalisation. x is [N, C, spatial…]; weight and bias (both or neither) scale and shift after normalising. Beside a
// half x the statistics are float32; parameters and running statistics may be.
#pragma once

#include "field.hpp"

namespace cnn {

/// Normalises each channel. Training: with the batch's mean and variance, and running ← (1 − momentum)·running +
/// momentum·batch (unbiased variance). Evaluation: with the running statistics. All statistics are [C]. `mean` and
/// `invStd` are what was used to normalise.
struct BatchNorm : OpBase<BatchNorm> {
  static constexpr std::string_view name = "batchNorm", inputs = "x weight? bias? runningMean? runningVar?",
                                    outputs = "y mean invStd", saves = "x weight mean invStd",
                                    mutates = "runningMean runningVar";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::computed, Halves::data};
  bool training = true;
  double eps = 1e-5;
  double momentum = 0.1;
  FIELDS(BatchNorm, training, eps)
  DYNAMIC(BatchNorm, momentum)
  bool overwrites() const { return training; }
};

/// dw and db are always made ([C]); callers without a weight drop them.
struct BatchNormBackward : OpBase<BatchNormBackward> {
  static constexpr std::string_view name = "batchNormBackward", inputs = "dy x weight? mean invStd",
                                    outputs = "dx dw db";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::data};
  static constexpr Gradient gradient = Gradient::missing;
  bool training = true;
  double eps = 1e-5;
  FIELDS(BatchNormBackward, training, eps)
};

/// Normalises each of `groups` groups of channels of each sample; mean and invStd are [N, groups]. groups = C is
/// instance norm.
struct GroupNorm : OpBase<GroupNorm> {
  static constexpr std::string_view name = "groupNorm", inputs = "x weight? bias?", outputs = "y mean invStd",
                                    saves = "x weight mean invStd";
  static constexpr Traits traits{Precision::single, Samples::ofFirst, Elements::computed, Halves::data};
  Index groups = 1;
  double eps = 1e-5;
  FIELDS(GroupNorm, groups, eps)
};

struct GroupNormBackward : OpBase<GroupNormBackward> {
  static constexpr std::string_view name = "groupNormBackward", inputs = "dy x weight? mean invStd",
                                    outputs = "dx dw db";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::data};
  static constexpr Gradient gradient = Gradient::missing;
  Index groups = 1;
  FIELDS(GroupNormBackward, groups)
};

/// Normalises over the last `axes` dimensions; weight and bias have their shape; mean and invStd have the shape of the
/// others.
struct LayerNorm : OpBase<LayerNorm> {
  static constexpr std::string_view name = "layerNorm", inputs = "x weight? bias?", outputs = "y mean invStd",
                                    saves = "x weight mean invStd";
  static constexpr Traits traits{Precision::single, Samples::byFields, Elements::computed, Halves::data};
  Index axes = 1;
  double eps = 1e-5;
  FIELDS(LayerNorm, axes, eps)
};

struct LayerNormBackward : OpBase<LayerNormBackward> {
  static constexpr std::string_view name = "layerNormBackward", inputs = "dy x weight? mean invStd",
                                    outputs = "dx dw db";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::data};
  static constexpr Gradient gradient = Gradient::missing;
  Index axes = 1;
  FIELDS(LayerNormBackward, axes)
};

/// y = x / (k + alpha/size · Σ x²)^beta over `size` neighbouring channels (torch.nn.LocalResponseNorm: channels
/// c − ⌊size/2⌋ … c + ⌈size/2⌉ − 1, zeros outside).
struct LocalResponseNorm : OpBase<LocalResponseNorm> {
  static constexpr std::string_view name = "localResponseNorm", inputs = "x", saves = "x";
  static constexpr Traits traits{Precision::single, Samples::ofFirst, Elements::computed, Halves::all};
  Index size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
  FIELDS(LocalResponseNorm, size, alpha, beta, k)
};

struct LocalResponseNormBackward : OpBase<LocalResponseNormBackward> {
  static constexpr std::string_view name = "localResponseNormBackward", inputs = "dy x", outputs = "dx";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::missing;
  Index size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
  FIELDS(LocalResponseNormBackward, size, alpha, beta, k)
};

}  // namespace cnn

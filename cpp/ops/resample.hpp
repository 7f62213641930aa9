// Upsampling (and downsampling) of [N, C, spatial…] by interpolation (torch.nn.functional.interpolate).
#pragma once

#include "field.hpp"

namespace cnn {

NAMED_ENUM(Interpolation, nearest, linear);

/// nearest reads ⌊i·input/output⌋, in whole numbers (PyTorch rounds the ratio to float32 and can be one off at odd
/// ratios); linear is linear, bilinear or trilinear by rank. The ratio is that of the sizes.
struct Upsample : OpBase<Upsample> {
  static constexpr std::string_view name = "upsample", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::ofFirst, Elements::computed, Halves::all};
  Dims outputSize;
  Interpolation mode = Interpolation::nearest;
  bool alignCorners = false;
  FIELDS(Upsample, outputSize, mode, alignCorners)
};

struct UpsampleBackward : OpBase<UpsampleBackward> {
  static constexpr std::string_view name = "upsampleBackward", inputs = "dy", outputs = "dx", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  Dims inputSize;
  Interpolation mode = Interpolation::nearest;
  bool alignCorners = false;
  FIELDS(UpsampleBackward, inputSize, mode, alignCorners)
};

}  // namespace cnn

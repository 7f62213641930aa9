// Pooling over one, two or three spatial dimensions. Inputs are [N, C, spatial…].
#pragma once

#include "field.hpp"

namespace cnn {

/// y is the maximum of each window. `state` is what the backward pass needs: with `returnIndices` the int32 position of
/// each maximum within its plane (PyTorch's indices; ties: the first; −1: a window wholly in the padding), else
/// whatever the backend likes.
struct MaxPool : OpBase<MaxPool> {
  static constexpr std::string_view name = "maxPool", inputs = "x", outputs = "y state", saves = "state";
  static constexpr Traits traits{Precision::given, Samples::ofFirst, Elements::computed, Halves::all};
  Dims kernelSize, stride, padding, dilation;
  bool ceilMode = false, returnIndices = false;
  FIELDS(MaxPool, kernelSize, stride, padding, dilation, ceilMode, returnIndices)
};

/// Its own gradient exists with `returnIndices`, where the state can be read.
struct MaxPoolBackward : OpBase<MaxPoolBackward> {
  static constexpr std::string_view name = "maxPoolBackward", inputs = "dy state", outputs = "dx", saves = "state";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr bool failsByValue = true;
  Dims kernelSize, stride, padding, dilation;
  bool ceilMode = false, returnIndices = false;
  Dims inputSize;
  FIELDS(MaxPoolBackward, kernelSize, stride, padding, dilation, ceilMode, returnIndices, inputSize)
};

/// Puts x [N, C, s…] at `indices` (as MaxPool returned them) of a plane of zeros [N, C, outputSize…].
/// With `accumulate`, values that meet are added (a gradient), else the last one stays.
struct MaxUnpool : OpBase<MaxUnpool> {
  static constexpr std::string_view name = "maxUnpool", inputs = "x indices", saves = "indices";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::none};
  static constexpr bool failsByValue = true;
  Dims outputSize;
  bool accumulate = false;
  FIELDS(MaxUnpool, outputSize, accumulate)
};

/// Reads x [N, C, S…] at `indices` [N, C, s…]: the gradient of MaxUnpool.
struct PlaneGather : OpBase<PlaneGather> {
  static constexpr std::string_view name = "planeGather", inputs = "x indices", saves = "indices";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr bool failsByValue = true;
};

/// y is the mean of each window. `divisor` 0: the window's size, with padding if `countIncludePad`.
struct AvgPool : OpBase<AvgPool> {
  static constexpr std::string_view name = "avgPool", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::ofFirst, Elements::computed, Halves::all};
  Dims kernelSize, stride, padding;
  bool ceilMode = false, countIncludePad = true;
  Index divisor = 0;
  FIELDS(AvgPool, kernelSize, stride, padding, ceilMode, countIncludePad, divisor)
};

struct AvgPoolBackward : OpBase<AvgPoolBackward> {
  static constexpr std::string_view name = "avgPoolBackward", inputs = "dy", outputs = "dx", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  Dims kernelSize, stride, padding;
  bool ceilMode = false, countIncludePad = true;
  Index divisor = 0;
  Dims inputSize;
  FIELDS(AvgPoolBackward, kernelSize, stride, padding, ceilMode, countIncludePad, divisor, inputSize)
};

/// Window i of a dimension of size s pooled to o is [⌊i·s/o⌋, ⌈(i+1)·s/o⌉).
struct AdaptiveAvgPool : OpBase<AdaptiveAvgPool> {
  static constexpr std::string_view name = "adaptiveAvgPool", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::ofFirst, Elements::computed, Halves::all};
  Dims outputSize;
  FIELDS(AdaptiveAvgPool, outputSize)
};

struct AdaptiveAvgPoolBackward : OpBase<AdaptiveAvgPoolBackward> {
  static constexpr std::string_view name = "adaptiveAvgPoolBackward", inputs = "dy", outputs = "dx", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  Dims inputSize;
  FIELDS(AdaptiveAvgPoolBackward, inputSize)
};

/// indices as MaxPool's; the gradient is MaxUnpool with `accumulate`.
struct AdaptiveMaxPool : OpBase<AdaptiveMaxPool> {
  static constexpr std::string_view name = "adaptiveMaxPool", inputs = "x", outputs = "y indices", saves = "indices";
  static constexpr Traits traits{Precision::given, Samples::ofFirst, Elements::computed, Halves::all};
  Dims outputSize;
  FIELDS(AdaptiveMaxPool, outputSize)
};

}  // namespace cnn

// Ops that only move elements. All take every type.
#pragma once

#include "field.hpp"

namespace cnn {

/// Another shape of as many elements, sharing the memory; no −1 here (resolved before).
struct Reshape : OpBase<Reshape> {
  static constexpr std::string_view name = "reshape", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::viewed, Halves::all};
  Dims shape;
  FIELDS(Reshape, shape)
};

/// The same elements in another layout: what plans put between two kernels that want different ones. Which layouts is
/// said by the tensors.
struct Reorder : OpBase<Reorder> {
  static constexpr std::string_view name = "reorder", inputs = "x";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  static constexpr Gradient gradient = Gradient::missing;
};

/// y's axis i is x's axis axes[i].
struct Permute : OpBase<Permute> {
  static constexpr std::string_view name = "permute", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::moved, Halves::all};
  Dims axes;
  FIELDS(Permute, axes)
};

/// Broadcasts x to `shape`.
struct Expand : OpBase<Expand> {
  static constexpr std::string_view name = "expand", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  Dims shape;
  FIELDS(Expand, shape)
};

struct Concat : OpBase<Concat> {
  static constexpr std::string_view name = "concat", inputs = "xs...", saves = "";
  static constexpr Traits traits{Precision::widest, Samples::byFields, Elements::moved, Halves::all};
  Index axis = 0;
  FIELDS(Concat, axis)
};

/// x[starts[i] : stops[i] : steps[i]] in each axis; 0 ≤ start ≤ stop ≤ size, step ≥ 1.
struct Slice : OpBase<Slice> {
  static constexpr std::string_view name = "slice", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  Dims starts, stops, steps;
  FIELDS(Slice, starts, stops, steps)
};

/// Zeros of `inputShape` with dy at the slice.
struct SliceBackward : OpBase<SliceBackward> {
  static constexpr std::string_view name = "sliceBackward", inputs = "dy", outputs = "dx", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  Dims starts, stops, steps, inputShape;
  FIELDS(SliceBackward, starts, stops, steps, inputShape)
};

NAMED_ENUM(PadMode, constant, reflect, replicate, circular);

/// `low` and `high` elements are added before and after each axis (negative: taken away, constant mode only).
struct Pad : OpBase<Pad> {
  static constexpr std::string_view name = "pad", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  Dims low, high;
  PadMode mode = PadMode::constant;
  double value = 0;
  FIELDS(Pad, low, high, mode, value)
};

/// dx of `inputShape`: each element of dy is added where Pad read it.
struct PadBackward : OpBase<PadBackward> {
  static constexpr std::string_view name = "padBackward", inputs = "dy", outputs = "dx", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  Dims low, high;
  PadMode mode = PadMode::constant;
  Dims inputShape;
  FIELDS(PadBackward, low, high, mode, inputShape)
};

struct Flip : OpBase<Flip> {
  static constexpr std::string_view name = "flip", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::moved, Halves::all};
  Dims axes;
  FIELDS(Flip, axes)
};

}  // namespace cnn

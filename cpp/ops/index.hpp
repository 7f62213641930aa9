// Ops that read or write at positions given by an int32 tensor. A position outside the axis is a ValueError.
// x may have any type where elements only move; where they are added it is float32, float64 or int32.
#pragma once

#include "field.hpp"

namespace cnn {

/// int32 [...] → int32 [..., classes].
struct OneHot : OpBase<OneHot> {
  static constexpr std::string_view name = "oneHot", inputs = "indices";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr bool failsByValue = true;
  static constexpr Gradient gradient = Gradient::zero;
  Index classes = 1;
  FIELDS(OneHot, classes)
};

/// y[i][j] = x[indices[i][j]][j] for axis 0, and so on (torch.gather); y has the shape of indices.
struct Gather : OpBase<Gather> {
  static constexpr std::string_view name = "gather", inputs = "x indices", saves = "indices";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  static constexpr bool failsByValue = true;
  Index axis = 0;
  FIELDS(Gather, axis)
};

/// Zeros of `inputShape` with dy added at indices: the gradient of Gather.
struct ScatterAdd : OpBase<ScatterAdd> {
  static constexpr std::string_view name = "scatterAdd", inputs = "dy indices", outputs = "dx", saves = "indices";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::none};
  static constexpr bool failsByValue = true;
  Index axis = 0;
  Dims inputShape;
  FIELDS(ScatterAdd, axis, inputShape)
};

/// Whole slices along `axis` at indices [K] (torch.index_select).
struct IndexSelect : OpBase<IndexSelect> {
  static constexpr std::string_view name = "indexSelect", inputs = "x indices", saves = "indices";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  static constexpr bool failsByValue = true;
  Index axis = 0;
  FIELDS(IndexSelect, axis)
};

/// The gradient of IndexSelect: slices of dy added into zeros whose `axis` has `size`.
struct IndexAdd : OpBase<IndexAdd> {
  static constexpr std::string_view name = "indexAdd", inputs = "dy indices", outputs = "dx", saves = "indices";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::none};
  static constexpr bool failsByValue = true;
  Index axis = 0;
  Index size = 1;
  FIELDS(IndexAdd, axis, size)
};

}  // namespace cnn

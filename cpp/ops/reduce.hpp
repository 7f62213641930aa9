// Reductions over axes.
#pragma once

#include "field.hpp"

namespace cnn {

NAMED_ENUM(ReduceFunction, sum, mean, max, min, prod);

/// `axes` are distinct and in [0, rank); none given means all. With `keepdim` reduced axes stay with size 1.
/// float32, float64, and int32 except for mean. Of no elements: sum 0, prod 1, mean NaN, max and min a ValueError.
/// The gradient of max and min is shared equally among ties (torch.amax).
struct Reduce : OpBase<Reduce> {
  static constexpr std::string_view name = "reduce", inputs = "x", saves = "x y";  // see savesOf
  ReduceFunction function = ReduceFunction::sum;
  Dims axes;
  bool keepdim = false;
  FIELDS(Reduce, function, axes, keepdim)
};

/// Of float32, float64, int32 or uint8: int32 positions of the first maximum (or minimum) along `axis`; axis −1: in the flattened tensor.
struct ArgReduce : OpBase<ArgReduce> {
  static constexpr std::string_view name = "argReduce", inputs = "x";
  static constexpr Gradient gradient = Gradient::zero;
  bool max = true;
  Index axis = -1;
  bool keepdim = false;
  FIELDS(ArgReduce, max, axis, keepdim)
};

}  // namespace cnn

// Reductions over axes.
#pragma once

#include "field.hpp"

namespace cnn {

/// Where products of int32 are held: outside int32, and two of them still fit 64 bits. (Sums fit anyway.)
inline constexpr std::int64_t beyondInt32 = (std::int64_t{1} << 31) + 1;

NAMED_ENUM(ReduceFunction, sum, mean, max, min, prod);

constexpr Precision precisionOf(ReduceFunction f) {
  switch (f) {
    case ReduceFunction::sum:
    case ReduceFunction::mean:
    case ReduceFunction::prod: return Precision::single;
    case ReduceFunction::max:
    case ReduceFunction::min: return Precision::given;
  }
  return Precision::given;
}

/// `axes` are distinct and in [0, rank); none given means all. With `keepdim` reduced axes stay with size 1.
/// float32, float64, and int32 except for mean; a sum or a product that int32 does not hold is a ValueError. Of no
/// elements: sum 0, prod 1, mean NaN, max and min a ValueError. The gradient of max and min is shared equally among
/// ties (torch.amax).
struct Reduce : OpBase<Reduce> {
  static constexpr std::string_view name = "reduce", inputs = "x";
  static constexpr Traits traits{Precision::byFunction, Samples::byFields, Elements::computed, Halves::all};
  ReduceFunction function = ReduceFunction::sum;
  Dims axes;
  bool keepdim = false;
  FIELDS(Reduce, function, axes, keepdim)
  constexpr std::string_view saves() const {
    switch (function) {
      case ReduceFunction::max:
      case ReduceFunction::min: return "x y";
      case ReduceFunction::prod: return "x";
      case ReduceFunction::sum:
      case ReduceFunction::mean: return "";
    }
    return "";
  }
};

/// Σ (x − mean)² / max(0, n − correction) over `axes` (as in Reduce), n being how many elements that are, or with
/// `root` the square root of it, and the mean, whose axes stay with size 1. Both come from sums in float64: of equal
/// elements the variance is 0, and what float32 holds has a deviation. The gradient of a deviation of 0 is 0.
struct Variance : OpBase<Variance> {
  static constexpr std::string_view name = "variance", inputs = "x", outputs = "y mean";
  static constexpr Traits traits{Precision::single, Samples::byFields, Elements::computed, Halves::all};
  Dims axes;
  double correction = 1;
  bool keepdim = false;
  bool root = false;
  FIELDS(Variance, axes, correction, keepdim, root)
  constexpr std::string_view saves() const { return root ? "x y mean" : "x mean"; }
};

/// Of float32, float64, int32 or uint8: int32 positions of the first maximum (or minimum) along `axis`; axis −1: in the
/// flattened tensor.
struct ArgReduce : OpBase<ArgReduce> {
  static constexpr std::string_view name = "argReduce", inputs = "x";
  static constexpr Traits traits{Precision::given, Samples::byFields, Elements::computed, Halves::none};
  static constexpr Gradient gradient = Gradient::zero;
  bool max = true;
  Index axis = -1;
  bool keepdim = false;
  FIELDS(ArgReduce, max, axis, keepdim)
};

}  // namespace cnn

// Tensors made from nothing: constants and random numbers. Element i of a random tensor uses word i%4 of the
// Philox block philox(seed, offset, i/4) (Normal and Permutation say their own), so every device gives the same
// numbers.
#pragma once

#include "field.hpp"

namespace cnn {

struct Fill : OpBase<Fill> {
  static constexpr std::string_view name = "fill", inputs = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  Dims shape;
  DType dtype = DType::float32;
  double value = 0;
  FIELDS(Fill, shape, dtype)
  DYNAMIC(Fill, value)
};

/// low + (high − low)·u, u = uniformFloat(word), computed in double.
struct Uniform : OpBase<Uniform> {
  static constexpr std::string_view name = "uniform", inputs = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  Dims shape;
  DType dtype = DType::float32;
  double low = 0, high = 1;
  Index seed = 0, offset = 0;
  FIELDS(Uniform, shape, dtype)
  DYNAMIC(Uniform, low, high, seed, offset)
};

/// Box–Muller: elements 4b … 4b+3 come from block b: r0·cos, r0·sin of words (0, 1), then of words (2, 3);
/// r = √(−2·ln(uniformFloatOpen)), angle = 2π·uniformFloat, computed in double.
struct Normal : OpBase<Normal> {
  static constexpr std::string_view name = "normal", inputs = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  Dims shape;
  DType dtype = DType::float32;
  double mean = 0, std = 1;
  Index seed = 0, offset = 0;
  FIELDS(Normal, shape, dtype)
  DYNAMIC(Normal, mean, std, seed, offset)
};

/// int32 [n]: 0 … n−1 sorted by the 64-bit key (word 0, word 1) of block i; ties by i.
struct Permutation : OpBase<Permutation> {
  static constexpr std::string_view name = "permutation", inputs = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  Index n = 0;
  Index seed = 0, offset = 0;
  FIELDS(Permutation, n)
  DYNAMIC(Permutation, seed, offset)
};

/// y = x/(1−p) where uniformFloat(word) ≥ p, else 0 (p in [0, 1]). `channelwise`: one word for each (n, c) plane of [N,
/// C, …]. It is linear in x, so its gradient is itself with the same seed and offset.
struct Dropout : OpBase<Dropout> {
  static constexpr std::string_view name = "dropout", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  bool channelwise = false;
  double p = 0.5;
  Index seed = 0, offset = 0;
  FIELDS(Dropout, channelwise)
  DYNAMIC(Dropout, p, seed, offset)
};

}  // namespace cnn

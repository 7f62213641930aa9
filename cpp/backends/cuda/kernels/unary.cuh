// The functions of one number, by the formulas of ops/functions.hpp, in the type in which they compute.
#pragma once

#include <initializer_list>

#include "device.cuh"
#include "math.cuh"
#include "ops/elementwise.hpp"

namespace cnn::cuda::kernels {

/// A function with its parameters in the type that computes (double for int32, whose parameters are whole).
template <class C>
struct UnaryFormula {
  UnaryFunction function;
  C alpha, beta;
};

template <class C>
__device__ inline C value(const UnaryFormula<C>& f, C x) {
  return formula::value<Library<C>>(f.function, x, f.alpha, f.beta);
}
template <class C>
__device__ inline C gradient(const UnaryFormula<C>& f, C dy, C v) {
  return formula::gradient<Library<C>>(f.function, dy, v, f.alpha, f.beta);
}

/// Whether `value` of int32 has a case for each function that takes int32 by its traits, and for no other.
consteval bool isComplete(std::initializer_list<UnaryFunction> cases) {
  for (std::size_t i = 0; i < enumCount<UnaryFunction>; i++) {
    const auto function = static_cast<UnaryFunction>(i);
    bool isThere = false;
    for (UnaryFunction each : cases) isThere = isThere || each == function;
    if (isThere != traitsOf(function).takesInt32) return false;
  }
  return true;
}
static_assert(isComplete({UnaryFunction::abs, UnaryFunction::neg, UnaryFunction::sign, UnaryFunction::square,
                          UnaryFunction::affine, UnaryFunction::clamp}));

/// The functions that integers have; they wrap.
__device__ inline std::int32_t value(const UnaryFormula<double>& f, std::int32_t x) {
  auto wrapped = [](std::uint32_t bits) { return static_cast<std::int32_t>(bits); };
  auto whole = [](double parameter) { return static_cast<std::uint32_t>(static_cast<std::int64_t>(parameter)); };
  std::uint32_t u = static_cast<std::uint32_t>(x);
  switch (f.function) {
    case UnaryFunction::abs: return x < 0 ? wrapped(0u - u) : x;
    case UnaryFunction::neg: return wrapped(0u - u);
    case UnaryFunction::sign: return (x > 0) - (x < 0);
    case UnaryFunction::square: return wrapped(u * u);
    case UnaryFunction::affine: return wrapped(whole(f.alpha) * u + whole(f.beta));
    case UnaryFunction::clamp: {
      double clamped = smaller(larger(static_cast<double>(x), f.alpha), f.beta);  // the bounds may be infinite
      return static_cast<std::int32_t>(smaller(larger(clamped, -2147483648.0), 2147483647.0));
    }
    default: return x;  // none of these
  }
}

/// isnan and logicalNot.
template <class C>
__device__ inline bool truth(UnaryFunction f, C x) {
  return f == UnaryFunction::isnan ? isNaN(x) : x == C(0);
}

}  // namespace cnn::cuda::kernels

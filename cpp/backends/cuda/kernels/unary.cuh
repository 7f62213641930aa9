// The functions of one number and their derivatives, in the type in which they compute.
#pragma once

#include <numbers>

#include "device.cuh"
#include "ops/elementwise.hpp"

namespace cnn::cuda::kernels {

/// A function with its parameters in the type that computes (double for int32, whose parameters are whole).
template <class C>
struct UnaryFormula {
  UnaryFunction function;
  C alpha, beta;
};

template <class C>
inline constexpr C inverseSqrt2 = static_cast<C>(1 / std::numbers::sqrt2);
/// √(2/π) and the cubic coefficient of the tanh form of GELU.
template <class C>
inline constexpr C geluScale = static_cast<C>(std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
template <class C>
inline constexpr C geluCubic = static_cast<C>(0.044715);
template <class C>
inline constexpr C inverseSqrtPi = static_cast<C>(std::numbers::inv_sqrtpi);

template <class C>
__device__ inline C logistic(C x) {
  return 1 / (1 + exp(-x));
}
template <class C>
__device__ inline C normalCdf(C x) {
  return static_cast<C>(0.5) * erfc(-x * inverseSqrt2<C>);  // no cancellation where x is far below 0
}
/// NaN stays NaN.
template <class C>
__device__ inline C clampTo(C x, C low, C high) {
  return x < low ? low : x > high ? high : x;
}

/// x^exponent. The square root of −∞ is NaN, which pow does not say.
template <class C>
__device__ inline C power(C x, C exponent) {
  return exponent == static_cast<C>(0.5) ? sqrt(x) : exponent == static_cast<C>(-0.5) ? 1 / sqrt(x) : pow(x, exponent);
}

template <class C>
__device__ inline C value(const UnaryFormula<C>& f, C x) {
  constexpr C half = static_cast<C>(0.5);
  switch (f.function) {
    case UnaryFunction::relu: return x <= 0 ? 0 : x;  // NaN passes
    case UnaryFunction::relu6: return clampTo<C>(x, 0, 6);
    case UnaryFunction::leakyRelu: return x > 0 ? x : x * f.alpha;
    case UnaryFunction::elu: return x > 0 ? x : f.alpha * expm1(x);
    case UnaryFunction::gelu: return x * normalCdf(x);
    case UnaryFunction::geluTanh: return half * x * (1 + tanh(geluScale<C> * (x + geluCubic<C> * x * x * x)));
    case UnaryFunction::silu: return x * logistic(x);
    case UnaryFunction::sigmoid: return logistic(x);
    case UnaryFunction::hardsigmoid: return clampTo<C>(x + 3, 0, 6) / 6;
    case UnaryFunction::hardswish: return x * clampTo<C>(x + 3, 0, 6) / 6;
    case UnaryFunction::tanh: return tanh(x);
    case UnaryFunction::softplus: return x * f.alpha > f.beta ? x : log1p(exp(x * f.alpha)) / f.alpha;
    case UnaryFunction::exp: return exp(x);
    case UnaryFunction::log: return log(x);
    case UnaryFunction::sqrt: return sqrt(x);
    case UnaryFunction::rsqrt: return 1 / sqrt(x);
    case UnaryFunction::abs: return fabs(x);
    case UnaryFunction::neg: return -x;
    case UnaryFunction::sign: return static_cast<C>((x > 0) - (x < 0));
    case UnaryFunction::square: return x * x;
    case UnaryFunction::reciprocal: return 1 / x;
    case UnaryFunction::powScalar: return power(x, f.alpha);
    case UnaryFunction::affine: return f.alpha * x + f.beta;
    case UnaryFunction::clamp: return isNaN(x) ? x : smaller(larger(x, f.alpha), f.beta);
    case UnaryFunction::sin: return sin(x);
    case UnaryFunction::cos: return cos(x);
    case UnaryFunction::log1p: return log1p(x);
    case UnaryFunction::expm1: return expm1(x);
    case UnaryFunction::erf: return erf(x);
    case UnaryFunction::floor: return floor(x);
    case UnaryFunction::ceil: return ceil(x);
    case UnaryFunction::round: return rint(x);  // halves to even
    case UnaryFunction::isnan:
    case UnaryFunction::logicalNot: break;  // these give bool: see truth
  }
  return x;
}

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
    default: return x;
  }
}

/// isnan and logicalNot.
template <class C>
__device__ inline bool truth(UnaryFunction f, C x) {
  return f == UnaryFunction::isnan ? isNaN(x) : x == C(0);
}

/// dy · f'(v). Where the derivative is 0 by a condition, the result is 0 whatever dy is.
template <class C>
__device__ inline C gradient(const UnaryFormula<C>& f, C dy, C v) {
  constexpr C half = static_cast<C>(0.5);
  switch (f.function) {
    // of the output
    case UnaryFunction::relu: return v <= 0 ? 0 : dy;
    case UnaryFunction::relu6: return v > 0 && v < 6 ? dy : 0;  // of NaN nothing, as PyTorch
    case UnaryFunction::sigmoid: return dy * (1 - v) * v;
    case UnaryFunction::tanh: return dy * (1 - v * v);
    case UnaryFunction::exp: return dy * v;
    case UnaryFunction::sqrt: return dy / (2 * v);
    case UnaryFunction::rsqrt: return -half * dy * v * v * v;
    case UnaryFunction::reciprocal: return -dy * v * v;
    // of the input
    case UnaryFunction::leakyRelu: return v > 0 ? dy : dy * f.alpha;
    case UnaryFunction::elu: return v <= 0 ? dy * f.alpha * exp(v) : dy;
    case UnaryFunction::gelu: return dy * (normalCdf(v) + v * exp(-half * v * v) * inverseSqrt2<C> * inverseSqrtPi<C>);
    case UnaryFunction::geluTanh: {
      C t = tanh(geluScale<C> * (v + geluCubic<C> * v * v * v));
      C bell = half * v * (1 - t * t);  // 0 long before v² overflows
      return dy * (half * (1 + t) + (bell == 0 ? C(0) : bell * geluScale<C> * (1 + 3 * geluCubic<C> * v * v)));
    }
    case UnaryFunction::silu: {
      C s = logistic(v);
      return dy * s * (1 + v * (1 - s));
    }
    case UnaryFunction::hardsigmoid: return v > -3 && v < 3 ? dy / 6 : 0;
    case UnaryFunction::hardswish: return v <= -3 ? 0 : v < 3 ? dy * (v / 3 + half) : dy;
    case UnaryFunction::softplus: return v * f.alpha > f.beta ? dy : dy * logistic(v * f.alpha);
    case UnaryFunction::log: return dy / v;
    case UnaryFunction::abs: return dy * static_cast<C>((v > 0) - (v < 0));
    case UnaryFunction::square: return dy * 2 * v;
    case UnaryFunction::powScalar: return f.alpha == 0 ? 0 : dy * f.alpha * power(v, f.alpha - 1);
    case UnaryFunction::clamp: return v >= f.alpha && v <= f.beta ? dy : 0;
    case UnaryFunction::sin: return dy * cos(v);
    case UnaryFunction::cos: return -dy * sin(v);
    case UnaryFunction::log1p: return dy / (1 + v);
    case UnaryFunction::expm1: return dy * exp(v);
    case UnaryFunction::erf: return dy * 2 * inverseSqrtPi<C> * exp(-v * v);
    // of neither
    case UnaryFunction::neg: return -dy;
    case UnaryFunction::affine: return dy * f.alpha;
    case UnaryFunction::sign:
    case UnaryFunction::floor:
    case UnaryFunction::ceil:
    case UnaryFunction::round:
    case UnaryFunction::isnan:
    case UnaryFunction::logicalNot: return 0;
  }
  return 0;
}

}  // namespace cnn::cuda::kernels

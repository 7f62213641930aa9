// The functions of one and of two numbers: what is known of each, its value and its derivative. cpu and cuda compile
// these formulas; `reference` has its own, in double, to which the tests hold them.
#pragma once

#include <numbers>

#include "base/device_code.hpp"
#include "field.hpp"

namespace cnn {

// ---- what is known of each ----------------------------------------------------------------------------------------

// alpha and beta where a function has parameters:
//   leakyRelu: alpha = negative slope · elu: alpha · softplus: alpha = beta, beta = threshold · clamp: [alpha, beta]
//   powScalar: x^alpha · affine: alpha·x + beta
NAMED_ENUM(UnaryFunction, relu, relu6, leakyRelu, elu, gelu, geluTanh, silu, sigmoid, hardsigmoid, hardswish, tanh,
           softplus, exp, log, sqrt, rsqrt, abs, neg, sign, square, reciprocal, powScalar, affine, clamp, sin, cos,
           log1p, expm1, erf, floor, ceil, round, isnan, logicalNot);

/// What a derivative is written in terms of: the input x, the output y, or neither.
enum class Reads : std::uint8_t { x, y, nothing };
/// What the second derivative is wherever it exists: of a curve something, of straight pieces zero; of steps the first
/// one, too, is zero.
enum class Bend : std::uint8_t { curve, pieces, steps };
/// Work per element on a processor: some instructions, a polynomial in vector code, or a call of the C library.
enum class Cost : std::uint8_t { light = 1, series = 8, call = 24 };

struct UnaryTraits {
  Reads derivative;
  Bend bend;
  Precision precision;
  Cost cost;
  bool takesInt32;
  consteval UnaryTraits(Reads derivative, Bend bend, Precision precision, Cost cost, bool takesInt32)
      : derivative(derivative), bend(bend), precision(precision), cost(cost), takesInt32(takesInt32) {}
};

/// A row for each function.
constexpr UnaryTraits traitsOf(UnaryFunction f) {
  switch (f) {
    case UnaryFunction::relu: return {Reads::y, Bend::pieces, Precision::given, Cost::light, false};
    case UnaryFunction::relu6: return {Reads::y, Bend::pieces, Precision::given, Cost::light, false};
    case UnaryFunction::leakyRelu: return {Reads::x, Bend::pieces, Precision::given, Cost::light, false};
    case UnaryFunction::elu: return {Reads::x, Bend::curve, Precision::given, Cost::series, false};
    case UnaryFunction::gelu: return {Reads::x, Bend::curve, Precision::given, Cost::series, false};
    case UnaryFunction::geluTanh: return {Reads::x, Bend::curve, Precision::given, Cost::series, false};
    case UnaryFunction::silu: return {Reads::x, Bend::curve, Precision::given, Cost::series, false};
    case UnaryFunction::sigmoid: return {Reads::y, Bend::curve, Precision::given, Cost::series, false};
    case UnaryFunction::hardsigmoid: return {Reads::x, Bend::pieces, Precision::given, Cost::light, false};
    case UnaryFunction::hardswish: return {Reads::x, Bend::curve, Precision::given, Cost::light, false};
    case UnaryFunction::tanh: return {Reads::y, Bend::curve, Precision::given, Cost::series, false};
    case UnaryFunction::softplus: return {Reads::x, Bend::curve, Precision::single, Cost::series, false};
    case UnaryFunction::exp: return {Reads::y, Bend::curve, Precision::single, Cost::series, false};
    case UnaryFunction::log: return {Reads::x, Bend::curve, Precision::single, Cost::series, false};
    case UnaryFunction::sqrt: return {Reads::y, Bend::curve, Precision::given, Cost::light, false};
    case UnaryFunction::rsqrt: return {Reads::y, Bend::curve, Precision::single, Cost::light, false};
    case UnaryFunction::abs: return {Reads::x, Bend::pieces, Precision::given, Cost::light, true};
    case UnaryFunction::neg: return {Reads::nothing, Bend::pieces, Precision::given, Cost::light, true};
    case UnaryFunction::sign: return {Reads::nothing, Bend::steps, Precision::given, Cost::light, true};
    case UnaryFunction::square: return {Reads::x, Bend::curve, Precision::single, Cost::light, true};
    case UnaryFunction::reciprocal: return {Reads::y, Bend::curve, Precision::single, Cost::light, false};
    case UnaryFunction::powScalar: return {Reads::x, Bend::curve, Precision::single, Cost::call, false};
    case UnaryFunction::affine: return {Reads::nothing, Bend::pieces, Precision::given, Cost::light, true};
    case UnaryFunction::clamp: return {Reads::x, Bend::pieces, Precision::given, Cost::light, true};
    case UnaryFunction::sin: return {Reads::x, Bend::curve, Precision::given, Cost::call, false};
    case UnaryFunction::cos: return {Reads::x, Bend::curve, Precision::given, Cost::call, false};
    case UnaryFunction::log1p: return {Reads::x, Bend::curve, Precision::single, Cost::series, false};
    case UnaryFunction::expm1: return {Reads::x, Bend::curve, Precision::single, Cost::series, false};
    case UnaryFunction::erf: return {Reads::x, Bend::curve, Precision::given, Cost::series, false};
    case UnaryFunction::floor: return {Reads::nothing, Bend::steps, Precision::given, Cost::light, false};
    case UnaryFunction::ceil: return {Reads::nothing, Bend::steps, Precision::given, Cost::light, false};
    case UnaryFunction::round: return {Reads::nothing, Bend::steps, Precision::given, Cost::light, false};
    case UnaryFunction::isnan: return {Reads::nothing, Bend::steps, Precision::given, Cost::light, false};
    case UnaryFunction::logicalNot: return {Reads::nothing, Bend::steps, Precision::given, Cost::light, false};
  }
  return {Reads::x, Bend::curve, Precision::given, Cost::light,
          false};  // no function: the compiler asks for a row for each
}

constexpr Precision precisionOf(UnaryFunction f) { return traitsOf(f).precision; }

/// isnan and logicalNot have no value of the type of x: they give bool.
constexpr bool givesBool(UnaryFunction f) { return f == UnaryFunction::isnan || f == UnaryFunction::logicalNot; }

NAMED_ENUM(BinaryFunction, add, sub, mul, div, maximum, minimum, pow, eq, ne, lt, le, gt, ge, logicalAnd, logicalOr);

constexpr bool isComparison(BinaryFunction f) { return f >= BinaryFunction::eq; }

constexpr Precision precisionOf(BinaryFunction f) {
  return f == BinaryFunction::pow ? Precision::single : Precision::widest;
}

constexpr Cost costOf(BinaryFunction f) { return f == BinaryFunction::pow ? Cost::call : Cost::light; }

// ---- value and derivative -----------------------------------------------------------------------------------------
//
// C is the type that computes, float or double. M has its mathematics: exp, log, …, which are fast series on processors
// and library calls on GPUs. Where f is known to the compiler, what is left is one formula without branches that leave
// a loop; so `&` and `|` stand where `&&` and `||` would jump.

namespace formula {

template <class C>
inline constexpr C half = static_cast<C>(0.5);
/// √½, 1/√(2π) and 2/√π
template <class C>
inline constexpr C sqrtHalf = static_cast<C>(std::numbers::sqrt2 / 2);
template <class C>
inline constexpr C inverseSqrtTau = static_cast<C>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
template <class C>
inline constexpr C twoOverSqrtPi = static_cast<C>(2 * std::numbers::inv_sqrtpi);
/// √(2/π) and the cubic coefficient of the tanh form of GELU
template <class C>
inline constexpr C geluScale = static_cast<C>(std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
template <class C>
inline constexpr C geluCubic = static_cast<C>(0.044715);

template <class M, class C>
FORMULA C sigmoid(C x) {
  return 1 / (1 + M::exp(-x));
}

/// log(1 + eˣ), for large x too.
template <class M, class C>
FORMULA C softplus(C x) {
  return (x > 0 ? x : x != x ? x : 0) + M::log1p(M::exp(-M::abs(x)));
}

/// (1 + tanh u)/2 = sigmoid(2u), u being what GELU's tanh form takes.
template <class M, class C>
FORMULA C geluGate(C x) {
  return sigmoid<M, C>(2 * geluScale<C> * (x + geluCubic<C> * x * x * x));
}

/// (x + 3)/6 between 0 and 1.
template <class C>
FORMULA C ramp(C x) {
  return x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6;
}

/// x^exponent. The square root of −∞ is NaN, which pow does not say.
template <class M, class C>
FORMULA C power(C x, C exponent) {
  if (exponent == 2) return x * x;
  if (exponent == 3) return x * x * x;
  if (exponent == half<C>) return M::sqrt(x);
  if (exponent == -half<C>) return 1 / M::sqrt(x);
  if (exponent == -1) return 1 / x;
  return M::pow(x, exponent);
}

/// dy · exponent · x^(exponent − 1).
template <class M, class C>
FORMULA C anyPowerGradient(C dy, C x, C exponent) {
  return dy * exponent * M::pow(x, exponent - 1);
}
template <class M, class C>
FORMULA C powerGradient(C dy, C x, C exponent) {
  if (exponent == 0) return 0;
  if (exponent == 2) return dy * 2 * x;
  if (exponent == 3) return dy * 3 * x * x;
  if (exponent == half<C>) return dy * (half<C> / M::sqrt(x));
  if (exponent == 3 * half<C>) return dy * (3 * half<C>)*M::sqrt(x);
  return anyPowerGradient<M, C>(dy, x, exponent);
}

template <class M, class C>
FORMULA C value(UnaryFunction f, C x, C alpha, C beta) {
  switch (f) {
    case UnaryFunction::relu: return x <= 0 ? 0 : x;  // NaN passes
    case UnaryFunction::relu6: return x <= 0 ? 0 : x >= 6 ? 6 : x;
    case UnaryFunction::leakyRelu: return x > 0 ? x : alpha * x;
    case UnaryFunction::elu: return x > 0 ? x : alpha * M::expm1(x);
    case UnaryFunction::gelu: return x * M::normalCdf(x);
    case UnaryFunction::geluTanh: return x * geluGate<M, C>(x);
    case UnaryFunction::silu: return x * sigmoid<M, C>(x);
    case UnaryFunction::sigmoid: return sigmoid<M, C>(x);
    case UnaryFunction::hardsigmoid: return ramp<C>(x);
    case UnaryFunction::hardswish: return x * ramp<C>(x);  // of −∞ NaN
    case UnaryFunction::tanh: return M::tanh(x);
    case UnaryFunction::softplus: return x * alpha > beta ? x : softplus<M, C>(x * alpha) / alpha;
    case UnaryFunction::exp: return M::exp(x);
    case UnaryFunction::log: return M::log(x);
    case UnaryFunction::sqrt: return M::sqrt(x);
    case UnaryFunction::rsqrt: return 1 / M::sqrt(x);
    case UnaryFunction::abs: return M::abs(x);
    case UnaryFunction::neg: return -x;
    case UnaryFunction::sign: return static_cast<C>(x > 0) - static_cast<C>(x < 0);
    case UnaryFunction::square: return x * x;
    case UnaryFunction::reciprocal: return 1 / x;
    case UnaryFunction::powScalar: return power<M, C>(x, alpha);
    case UnaryFunction::affine: return alpha * x + beta;
    case UnaryFunction::clamp: {
      const C y = x < alpha ? alpha : x;  // NaN stays
      return y > beta ? beta : y;
    }
    case UnaryFunction::sin: return M::sin(x);
    case UnaryFunction::cos: return M::cos(x);
    case UnaryFunction::log1p: return M::log1p(x);
    case UnaryFunction::expm1: return M::expm1(x);
    case UnaryFunction::erf: return M::erf(x);
    case UnaryFunction::floor: return M::floor(x);
    case UnaryFunction::ceil: return M::ceil(x);
    case UnaryFunction::round: return M::round(x);  // halves to even
    case UnaryFunction::isnan:
    case UnaryFunction::logicalNot: break;  // see givesBool
  }
  return x;
}

/// dy · f'(v), v being what the traits say. Where the derivative is 0 by a condition, the result is 0 whatever dy is.
template <class M, class C>
FORMULA C gradient(UnaryFunction f, C dy, C v, C alpha, C beta) {
  switch (f) {
    // of the output
    case UnaryFunction::relu: return v <= 0 ? 0 : dy;
    case UnaryFunction::relu6: return (v > 0) & (v < 6) ? dy : 0;  // of NaN nothing, as PyTorch
    case UnaryFunction::sigmoid: return dy * (v * (1 - v));
    case UnaryFunction::tanh: return dy * (1 - v * v);
    case UnaryFunction::exp: return dy * v;
    case UnaryFunction::sqrt: return dy / (2 * v);
    case UnaryFunction::rsqrt: return dy * (-half<C> * v * v * v);
    case UnaryFunction::reciprocal: return dy * (-v * v);
    // of the input
    case UnaryFunction::leakyRelu: return v > 0 ? dy : alpha * dy;
    case UnaryFunction::elu: return v <= 0 ? dy * alpha * M::exp(v) : dy;
    case UnaryFunction::gelu: {
      const C density = inverseSqrtTau<C> * M::exp(-half<C> * v * v);
      return dy * (M::normalCdf(v) + v * density);
    }
    case UnaryFunction::geluTanh: {
      const C s = geluGate<M, C>(v);
      const C bell = v * s * (1 - s);  // 0 long before v² overflows
      return dy * (s + (bell == 0 ? 0 : bell * 2 * geluScale<C> * (1 + 3 * geluCubic<C> * v * v)));
    }
    case UnaryFunction::silu: {
      const C s = sigmoid<M, C>(v);
      return dy * (s * (1 + v * (1 - s)));
    }
    case UnaryFunction::hardsigmoid: return (v > -3) & (v < 3) ? dy / 6 : 0;
    case UnaryFunction::hardswish: return v <= -3 ? 0 : v < 3 ? dy * (v / 3 + half<C>) : dy;
    case UnaryFunction::softplus: return v * alpha > beta ? dy : dy * sigmoid<M, C>(v * alpha);
    case UnaryFunction::log: return dy / v;
    case UnaryFunction::abs: return v > 0 ? dy : v < 0 ? -dy : 0;
    case UnaryFunction::square: return dy * (2 * v);
    case UnaryFunction::powScalar: return powerGradient<M, C>(dy, v, alpha);
    case UnaryFunction::clamp: return (v >= alpha) & (v <= beta) ? dy : 0;
    case UnaryFunction::sin: return dy * M::cos(v);
    case UnaryFunction::cos: return -dy * M::sin(v);
    case UnaryFunction::log1p: return dy / (1 + v);
    case UnaryFunction::expm1: return dy * M::exp(v);
    case UnaryFunction::erf: return dy * (twoOverSqrtPi<C> * M::exp(-v * v));
    // of neither
    case UnaryFunction::neg: return -dy;
    case UnaryFunction::affine: return alpha * dy;
    // no gradient flows
    case UnaryFunction::sign:
    case UnaryFunction::floor:
    case UnaryFunction::ceil:
    case UnaryFunction::round:
    case UnaryFunction::isnan:
    case UnaryFunction::logicalNot: break;
  }
  return 0;
}

/// Of floating-point numbers. NaN passes through maximum and minimum.
template <class M, class C>
FORMULA C value(BinaryFunction f, C a, C b) {
  switch (f) {
    case BinaryFunction::add: return a + b;
    case BinaryFunction::sub: return a - b;
    case BinaryFunction::mul: return a * b;
    case BinaryFunction::div: return a / b;
    case BinaryFunction::maximum: return (a > b) | (a != a) ? a : b;
    case BinaryFunction::minimum: return (a < b) | (a != a) ? a : b;
    case BinaryFunction::pow: return M::pow(a, b);
    case BinaryFunction::eq:
    case BinaryFunction::ne:
    case BinaryFunction::lt:
    case BinaryFunction::le:
    case BinaryFunction::gt:
    case BinaryFunction::ge:
    case BinaryFunction::logicalAnd:
    case BinaryFunction::logicalOr: break;  // see comparison
  }
  return a;
}

/// Of any numbers; bool counts as 0 and 1.
template <class C>
FORMULA bool comparison(BinaryFunction f, C a, C b) {
  switch (f) {
    case BinaryFunction::eq: return a == b;
    case BinaryFunction::ne: return a != b;
    case BinaryFunction::lt: return a < b;
    case BinaryFunction::le: return a <= b;
    case BinaryFunction::gt: return a > b;
    case BinaryFunction::ge: return a >= b;
    case BinaryFunction::logicalAnd: return (a != C(0)) & (b != C(0));
    case BinaryFunction::logicalOr: return (a != C(0)) | (b != C(0));
    case BinaryFunction::add:
    case BinaryFunction::sub:
    case BinaryFunction::mul:
    case BinaryFunction::div:
    case BinaryFunction::maximum:
    case BinaryFunction::minimum:
    case BinaryFunction::pow: break;  // see value
  }
  return false;
}

}  // namespace formula

}  // namespace cnn

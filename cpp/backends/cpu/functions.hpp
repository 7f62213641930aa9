// The functions of one and two numbers as inlined code for vector loops: a switch before the loop calls its argument with the right one.
#pragma once

#include <cmath>
#include <numbers>

#include "ops/elementwise.hpp"
#include "vector_math.hpp"

namespace cnn::cpu {

inline constexpr float sqrtHalf = std::numbers::sqrt2_v<float> / 2;
inline constexpr float inverseSqrtTau = 0.3989422804f;       // 1/√(2π)
inline constexpr float geluScale = 0.7978845608f;            // √(2/π)
inline constexpr float geluCubic = 0.044715f;

/// Calls use(f), f being the function of one number, and gives what `use` gives; an empty Result for what has no vector code.
template <class Result, class Use>
Result withFunction(const Unary& op, Use use) {
  using F = UnaryFunction;
  auto alpha = static_cast<float>(op.alpha), beta = static_cast<float>(op.beta);
  switch (op.function) {
    case F::relu: return use([](float x) { return x <= 0 ? 0.0f : x; });
    case F::relu6: return use([](float x) { return x <= 0 ? 0.0f : x >= 6 ? 6.0f : x; });
    case F::leakyRelu: return use([alpha](float x) { return x > 0 ? x : alpha * x; });
    case F::elu: return use([alpha](float x) { return x > 0 ? x : alpha * fastExpm1(x); });
    case F::gelu: return use([](float x) { return 0.5f * x * (1 + fastErf(x * sqrtHalf)); });
    case F::geluTanh: return use([](float x) { return x * fastSigmoid(2 * geluScale * (x + geluCubic * x * x * x)); });  // (1 + tanh u)/2 = sigmoid 2u
    case F::silu: return use([](float x) { return x * fastSigmoid(x); });
    case F::sigmoid: return use([](float x) { return fastSigmoid(x); });
    case F::hardsigmoid: return use([](float x) { return x <= -3 ? 0.0f : x >= 3 ? 1.0f : (x + 3) / 6; });
    case F::hardswish: return use([](float x) { return x * (x <= -3 ? 0.0f : x >= 3 ? 1.0f : (x + 3) / 6); });  // −∞ gives NaN
    case F::tanh: return use([](float x) { return fastTanh(x); });
    case F::exp: return use([](float x) { return fastExp(x); });
    case F::log: return use([](float x) { return fastLog(x); });
    case F::sqrt: return use([](float x) { return std::sqrt(x); });
    case F::rsqrt: return use([](float x) { return 1 / std::sqrt(x); });
    case F::abs: return use([](float x) { return std::fabs(x); });
    case F::neg: return use([](float x) { return -x; });
    case F::square: return use([](float x) { return x * x; });
    case F::reciprocal: return use([](float x) { return 1 / x; });
    case F::affine: return use([alpha, beta](float x) { return alpha * x + beta; });
    case F::clamp: return use([alpha, beta](float x) {
        float y = x < alpha ? alpha : x;
        return y > beta ? beta : y;
      });
    case F::powScalar:
      if (alpha == 2) return use([](float x) { return x * x; });
      if (alpha == 3) return use([](float x) { return x * x * x; });
      if (alpha == 0.5f) return use([](float x) { return std::sqrt(x); });
      if (alpha == -0.5f) return use([](float x) { return 1 / std::sqrt(x); });
      if (alpha == -1) return use([](float x) { return 1 / x; });
      return use([alpha](float x) { return std::pow(x, alpha); });
    case F::softplus: return use([alpha, beta](float x) { return x * alpha > beta ? x : fastSoftplus(x * alpha) / alpha; });
    case F::sign: return use([](float x) { return static_cast<float>(x > 0) - static_cast<float>(x < 0); });
    case F::sin: return use([](float x) { return std::sin(x); });
    case F::cos: return use([](float x) { return std::cos(x); });
    case F::log1p: return use([](float x) { return fastLog1p(x); });
    case F::floor: return use([](float x) { return std::floor(x); });
    case F::ceil: return use([](float x) { return std::ceil(x); });
    case F::round: return use([](float x) { return std::nearbyint(x); });
    case F::expm1: return use([](float x) { return fastExpm1(x); });
    case F::erf: return use([](float x) { return fastErf(x); });
    case F::isnan:
    case F::logicalNot: break;  // these give bool: plain loops do
  }
  return {};
}

/// Calls use(g), g(dy, v) being the gradient.
template <class Result, class Use>
Result withGradient(const UnaryBackward& op, Use use) {
  using F = UnaryFunction;
  auto alpha = static_cast<float>(op.alpha), beta = static_cast<float>(op.beta);
  switch (op.function) {
    case F::relu: return use([](float dy, float y) { return y <= 0 ? 0.0f : dy; });
    case F::relu6: return use([](float dy, float y) { return (y > 0) & (y < 6) ? dy : 0.0f; });  // of NaN nothing, as PyTorch
    case F::leakyRelu: return use([alpha](float dy, float x) { return x > 0 ? dy : alpha * dy; });
    case F::elu: return use([alpha](float dy, float x) { return x <= 0 ? dy * alpha * fastExp(x) : dy; });
    case F::gelu:
      return use([](float dy, float x) {
        float density = inverseSqrtTau * fastExp(-0.5f * x * x);
        return dy * (0.5f * (1 + fastErf(x * sqrtHalf)) + x * density);
      });
    case F::geluTanh:
      return use([](float dy, float x) {
        float s = fastSigmoid(2 * geluScale * (x + geluCubic * x * x * x));
        float bell = x * s * (1 - s);  // 0 long before x² overflows
        return dy * (s + (bell == 0 ? 0.0f : bell * 2 * geluScale * (1 + 3 * geluCubic * x * x)));
      });
    case F::silu:
      return use([](float dy, float x) {
        float s = fastSigmoid(x);
        return dy * (s * (1 + x * (1 - s)));
      });
    case F::sigmoid: return use([](float dy, float y) { return dy * (y * (1 - y)); });
    case F::hardsigmoid: return use([](float dy, float x) { return (x > -3) & (x < 3) ? dy / 6 : 0.0f; });
    case F::tanh: return use([](float dy, float y) { return dy * (1 - y * y); });
    case F::exp: return use([](float dy, float y) { return dy * y; });
    case F::log: return use([](float dy, float x) { return dy / x; });
    case F::sqrt: return use([](float dy, float y) { return dy / (2 * y); });
    case F::rsqrt: return use([](float dy, float y) { return dy * (-0.5f * y * y * y); });
    case F::square: return use([](float dy, float x) { return dy * (2 * x); });
    case F::reciprocal: return use([](float dy, float y) { return dy * (-y * y); });
    case F::clamp: return use([alpha, beta](float dy, float x) { return (x >= alpha) & (x <= beta) ? dy : 0.0f; });
    case F::hardswish: return use([](float dy, float x) { return x <= -3 ? 0.0f : x < 3 ? dy * (x / 3 + 0.5f) : dy; });
    case F::softplus: return use([alpha, beta](float dy, float x) { return x * alpha > beta ? dy : dy * fastSigmoid(x * alpha); });
    case F::abs: return use([](float dy, float x) { return x > 0 ? dy : x < 0 ? -dy : 0.0f; });
    case F::powScalar:
      if (alpha == 2) return use([](float dy, float x) { return dy * 2 * x; });
      if (alpha == 3) return use([](float dy, float x) { return dy * 3 * x * x; });
      if (alpha == 0.5f) return use([](float dy, float x) { return dy * (0.5f / std::sqrt(x)); });
      if (alpha == 1.5f) return use([](float dy, float x) { return dy * 1.5f * std::sqrt(x); });
      if (alpha == 0) return use([](float, float) { return 0.0f; });
      return use([alpha](float dy, float x) { return dy * alpha * std::pow(x, alpha - 1); });
    case F::sin: return use([](float dy, float x) { return dy * std::cos(x); });
    case F::cos: return use([](float dy, float x) { return -dy * std::sin(x); });
    case F::log1p: return use([](float dy, float x) { return dy / (1 + x); });
    case F::neg: return use([](float dy, float) { return -dy; });
    case F::affine: return use([alpha](float dy, float) { return alpha * dy; });
    case F::expm1: return use([](float dy, float x) { return dy * fastExp(x); });
    case F::erf: return use([](float dy, float x) { return dy * (1.1283791671f * fastExp(-x * x)); });
    case F::sign:
    case F::floor:
    case F::ceil:
    case F::round:
    case F::isnan:
    case F::logicalNot: break;  // no gradient flows
  }
  return {};
}

/// Calls use(f), f(a, b) being the function; comparisons are none of them.
template <class Result, class Use>
Result withFunction(const Binary& op, Use use) {
  using B = BinaryFunction;
  switch (op.function) {
    case B::add: return use([](float a, float b) { return a + b; });
    case B::sub: return use([](float a, float b) { return a - b; });
    case B::mul: return use([](float a, float b) { return a * b; });
    case B::div: return use([](float a, float b) { return a / b; });
    case B::maximum: return use([](float a, float b) { return (a > b) | (a != a) ? a : b; });
    case B::minimum: return use([](float a, float b) { return (a < b) | (a != a) ? a : b; });
    case B::pow: return use([](float a, float b) { return std::pow(a, b); });
    case B::eq:
    case B::ne:
    case B::lt:
    case B::le:
    case B::gt:
    case B::ge:
    case B::logicalAnd:
    case B::logicalOr: break;
  }
  return {};
}

/// Calls use(f), f(a, b) being the comparison.
template <class Result, class Use>
Result withComparison(BinaryFunction function, Use use) {
  using B = BinaryFunction;
  switch (function) {
    case B::eq: return use([](float a, float b) { return a == b; });
    case B::ne: return use([](float a, float b) { return a != b; });
    case B::lt: return use([](float a, float b) { return a < b; });
    case B::le: return use([](float a, float b) { return a <= b; });
    case B::gt: return use([](float a, float b) { return a > b; });
    case B::ge: return use([](float a, float b) { return a >= b; });
    case B::logicalAnd:
    case B::logicalOr: break;  // of bools: plain loops do
    case B::add:
    case B::sub:
    case B::mul:
    case B::div:
    case B::maximum:
    case B::minimum:
    case B::pow: break;
  }
  return {};
}

/// Work per element, in light operations: what decides from where on a second thread pays.
inline Index weightOf(UnaryFunction function) {
  using F = UnaryFunction;
  switch (function) {
    case F::elu: case F::gelu: case F::geluTanh: case F::silu: case F::sigmoid: case F::tanh: case F::exp: case F::log: case F::expm1:
    case F::erf: case F::softplus: case F::log1p: return 8;
    case F::sin: case F::cos: case F::powScalar: return 24;
    case F::relu: case F::relu6: case F::leakyRelu: case F::hardsigmoid: case F::hardswish: case F::sqrt: case F::rsqrt: case F::abs: case F::neg: case F::sign:
    case F::square: case F::reciprocal: case F::affine: case F::clamp: case F::floor: case F::ceil: case F::round: case F::isnan: case F::logicalNot: return 1;
  }
  return 1;
}

}  // namespace cnn::cpu

// Second derivatives of the functions of one tensor: how f'(v) changes with v (y where the gradient is written in y,
// else x). They are compositions of ops, so third and higher derivatives follow.
#include <limits>
#include <numbers>

#include "helpers.hpp"

namespace cnn {

using namespace rules;

namespace {

Tensor subtract(const Context& c, const Tensor& a, const Tensor& b) { return binary(c, BinaryFunction::sub, a, b); }
Tensor square(const Context& c, const Tensor& x) { return unary(c, UnaryFunction::square, x); }

/// 1 where the comparison with the number holds, else 0.
Tensor indicator(const Context& c, BinaryFunction comparison, const Tensor& x, double number) {
  return cast(c, binary(c, comparison, x, fill(c, TensorDesc(x.dtype(), Dims()), number)), x.dtype());
}

/// σ' = σ·(1 − σ)
Tensor sigmoidSlope(const Context& c, const Tensor& sigmoid) { return subtract(c, sigmoid, square(c, sigmoid)); }

// (x·σ)'' = σ'·(2 + x·(1 − 2σ))
Tensor siluCurvature(const Context& c, const Tensor& x) {
  const Tensor s = unary(c, UnaryFunction::sigmoid, x);
  return mul(c, sigmoidSlope(c, s), affine(c, mul(c, x, affine(c, s, -2, 1)), 1, 2));
}

// (x·Φ)'' = φ·(2 − x²)
Tensor geluCurvature(const Context& c, const Tensor& x) {
  const Tensor squared = square(c, x);
  const Tensor density =
      affine(c, unary(c, UnaryFunction::exp, affine(c, squared, -0.5)), std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return mul(c, density, affine(c, squared, -1, 2));
}

// f = x·σ, σ of u = 2k·(x + a·x³): f'' = 2·σ'·u' + x·(σ'·u'' + σ'·(1 − 2σ)·u'²). σ' = σ(u)·σ(−u) keeps its digits where
// σ is near 1, and comes first in every product, so that it becomes 0 before a power of x overflows.
Tensor geluTanhCurvature(const Context& c, const Tensor& x) {
  const double k = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi, a = 0.044715;
  const Tensor squared = square(c, x);
  const Tensor u = mul(c, x, affine(c, squared, k * a, k)), slope = affine(c, squared, 3 * k * a, k);
  const Tensor s = unary(c, UnaryFunction::sigmoid, u);
  const Tensor bell = mul(c, s, unary(c, UnaryFunction::sigmoid, neg(c, u))), steep = mul(c, bell, slope);
  const Tensor bend = add(c, mul(c, bell, affine(c, x, 6 * k * a)), mul(c, mul(c, steep, slope), affine(c, s, -2, 1)));
  return add(c, affine(c, steep, 2), mul(c, bend, x));
}

// f' = σ(βx) below the threshold, then 1
Tensor softplusCurvature(const Context& c, const Tensor& x, double beta, double threshold) {
  const Tensor scaled = affine(c, x, beta);
  const Tensor slope = affine(c, sigmoidSlope(c, unary(c, UnaryFunction::sigmoid, scaled)), beta);
  return mul(c, slope, indicator(c, BinaryFunction::lt, scaled, threshold));
}

/// d f'(v) / dv
Tensor curvature(const UnaryBackward& op, const Context& c, const Tensor& v) {
  switch (op.function) {
    case UnaryFunction::sigmoid: return affine(c, v, -2, 1);
    case UnaryFunction::tanh:
    case UnaryFunction::reciprocal: return affine(c, v, -2);
    case UnaryFunction::exp: return fill(c, v.desc(), 1);
    case UnaryFunction::sqrt: return affine(c, square(c, unary(c, UnaryFunction::reciprocal, v)), -0.5);
    case UnaryFunction::rsqrt: return affine(c, square(c, v), -1.5);
    case UnaryFunction::hardswish:
      return affine(c, mul(c, indicator(c, BinaryFunction::gt, v, -3), indicator(c, BinaryFunction::lt, v, 3)),
                    1.0 / 3);
    case UnaryFunction::elu: {  // the exponential of what is above 0 is not looked at, and must not overflow
      const Tensor below = unary(c, UnaryFunction::clamp, v, -std::numeric_limits<double>::infinity(), 0);
      const Tensor isBelow = binary(c, BinaryFunction::lt, v, fill(c, TensorDesc(v.dtype(), Dims()), 0));
      return where(c, isBelow, affine(c, unary(c, UnaryFunction::exp, below), op.alpha));
    }
    case UnaryFunction::gelu: return geluCurvature(c, v);
    case UnaryFunction::geluTanh: return geluTanhCurvature(c, v);
    case UnaryFunction::silu: return siluCurvature(c, v);
    case UnaryFunction::softplus: return softplusCurvature(c, v, op.alpha, op.beta);
    case UnaryFunction::log: return neg(c, square(c, unary(c, UnaryFunction::reciprocal, v)));
    case UnaryFunction::log1p: return neg(c, square(c, unary(c, UnaryFunction::reciprocal, affine(c, v, 1, 1))));
    case UnaryFunction::expm1: return unary(c, UnaryFunction::exp, v);
    case UnaryFunction::square: return fill(c, v.desc(), 2);
    case UnaryFunction::powScalar: {
      const double factor = op.alpha * (op.alpha - 1);
      return factor == 0 ? fill(c, v.desc(), 0)
                         : affine(c, unary(c, UnaryFunction::powScalar, v, op.alpha - 2), factor);
    }
    case UnaryFunction::sin: return neg(c, unary(c, UnaryFunction::sin, v));
    case UnaryFunction::cos: return neg(c, unary(c, UnaryFunction::cos, v));
    case UnaryFunction::erf: {
      const Tensor density = unary(c, UnaryFunction::exp, neg(c, square(c, v)));
      return affine(c, mul(c, v, density), -4 * std::numbers::inv_sqrtpi);
    }
    case UnaryFunction::relu:
    case UnaryFunction::relu6:
    case UnaryFunction::leakyRelu:
    case UnaryFunction::hardsigmoid:
    case UnaryFunction::abs:
    case UnaryFunction::neg:
    case UnaryFunction::affine:
    case UnaryFunction::clamp:
    case UnaryFunction::sign:
    case UnaryFunction::floor:
    case UnaryFunction::ceil:
    case UnaryFunction::round:
    case UnaryFunction::isnan:
    case UnaryFunction::logicalNot: return {};  // no curves
  }
  return {};
}

}  // namespace

// dx = dy·f'(v)
Tensors vjp(const UnaryBackward& op, const Context& c, Grads grads) {
  Tensors result(2);
  const Tensor v = c.input(1);
  if (c.needs(0)) result[0] = c.emit(op, {grads[0], v});
  if (c.needs(1) && traitsOf(op.function).bend == Bend::curve)
    result[1] = mul(c, mul(c, grads[0], c.input(0)), curvature(op, c, v));
  return result;
}

}  // namespace cnn

// Element by element: functions of one tensor, of two (broadcasting as NumPy does), selection and type conversion.
//
// All functions take float32 and float64. int32 too: abs, neg, sign, square, clamp, affine (whole alpha and beta), add, sub, mul,
// maximum, minimum (overflow wraps). Every comparable type (with uint8 and bool): logicalNot, comparisons and logic.
#pragma once

#include "field.hpp"

namespace cnn {

// alpha and beta where a function has parameters:
//   leakyRelu: alpha = negative slope · elu: alpha · softplus: alpha = beta, beta = threshold · clamp: [alpha, beta]
//   powScalar: x^alpha · affine: alpha·x + beta
NAMED_ENUM(UnaryFunction, relu, relu6, leakyRelu, elu, gelu, geluTanh, silu, sigmoid, hardsigmoid, hardswish, tanh, softplus,
           exp, log, sqrt, rsqrt, abs, neg, sign, square, reciprocal, powScalar, affine, clamp, sin, cos, log1p, expm1, erf,
           floor, ceil, round, isnan, logicalNot);

/// Whether the gradient is written in terms of the output y (else of the input x).
constexpr bool gradientFromOutput(UnaryFunction f) {
  switch (f) {
    case UnaryFunction::relu:
    case UnaryFunction::relu6:
    case UnaryFunction::sigmoid:
    case UnaryFunction::tanh:
    case UnaryFunction::exp:
    case UnaryFunction::sqrt:
    case UnaryFunction::rsqrt:
    case UnaryFunction::reciprocal: return true;
    default: return false;
  }
}
/// Whether the gradient needs neither x nor y.
constexpr bool gradientFromNothing(UnaryFunction f) { return f == UnaryFunction::neg || f == UnaryFunction::affine; }
/// Whether the derivative is zero wherever it exists.
constexpr bool isLocallyConstant(UnaryFunction f) {
  return f == UnaryFunction::sign || f == UnaryFunction::floor || f == UnaryFunction::ceil || f == UnaryFunction::round ||
         f == UnaryFunction::isnan || f == UnaryFunction::logicalNot;
}

/// Whether the derivative is constant wherever it exists, so that the second derivative is zero.
constexpr bool isPiecewiseLinear(UnaryFunction f) {
  switch (f) {
    case UnaryFunction::relu:
    case UnaryFunction::relu6:
    case UnaryFunction::leakyRelu:
    case UnaryFunction::hardsigmoid:
    case UnaryFunction::abs:
    case UnaryFunction::neg:
    case UnaryFunction::affine:
    case UnaryFunction::clamp: return true;
    default: return isLocallyConstant(f);
  }
}

/// isnan and logicalNot give bool; every other function keeps the type of x.
struct Unary : OpBase<Unary> {
  static constexpr std::string_view name = "unary", inputs = "x", saves = "x y";  // see savesOf
  UnaryFunction function = UnaryFunction::relu;
  double alpha = 0, beta = 0;
  FIELDS(Unary, function, alpha, beta)
};

/// dx = dy · f'(v), v being y where gradientFromOutput, else x (absent where gradientFromNothing).
struct UnaryBackward : OpBase<UnaryBackward> {
  static constexpr std::string_view name = "unaryBackward", inputs = "dy v?", outputs = "dx", saves = "dy v";  // see savesOf
  UnaryFunction function = UnaryFunction::relu;
  double alpha = 0, beta = 0;
  FIELDS(UnaryBackward, function, alpha, beta)
};

NAMED_ENUM(BinaryFunction, add, sub, mul, div, maximum, minimum, pow, eq, ne, lt, le, gt, ge, logicalAnd, logicalOr);

constexpr bool isComparison(BinaryFunction f) { return f >= BinaryFunction::eq; }

/// Both inputs have one type; comparisons and logic give bool.
struct Binary : OpBase<Binary> {
  static constexpr std::string_view name = "binary", inputs = "a b", saves = "a b y";  // see savesOf
  BinaryFunction function = BinaryFunction::add;
  FIELDS(Binary, function)
};

/// condition (bool) ? a : b, all three broadcast; a and b have one type, any.
struct Where : OpBase<Where> {
  static constexpr std::string_view name = "where", inputs = "condition a b", saves = "condition";
};

/// Any type to any: numbers to int32 and uint8 truncate and saturate (NaN: 0), to bool they are compared with 0.
struct Cast : OpBase<Cast> {
  static constexpr std::string_view name = "cast", inputs = "x";
  DType dtype = DType::float32;
  FIELDS(Cast, dtype)
};

}  // namespace cnn

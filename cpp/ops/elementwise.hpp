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

/// What a derivative is written in terms of: the input x, the output y, or neither.
enum class Reads : std::uint8_t { x, y, nothing };
/// What the second derivative is wherever it exists: of a curve something, of straight pieces zero; of steps the first one, too, is zero.
enum class Bend : std::uint8_t { curve, pieces, steps };

struct UnaryTraits {
  Reads derivative;
  Bend bend;
  Precision precision;
  consteval UnaryTraits(Reads derivative, Bend bend, Precision precision) : derivative(derivative), bend(bend), precision(precision) {}
};

/// A row for each function.
constexpr UnaryTraits traitsOf(UnaryFunction f) {
  switch (f) {
    case UnaryFunction::relu: return {Reads::y, Bend::pieces, Precision::given};
    case UnaryFunction::relu6: return {Reads::y, Bend::pieces, Precision::given};
    case UnaryFunction::leakyRelu: return {Reads::x, Bend::pieces, Precision::given};
    case UnaryFunction::elu: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::gelu: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::geluTanh: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::silu: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::sigmoid: return {Reads::y, Bend::curve, Precision::given};
    case UnaryFunction::hardsigmoid: return {Reads::x, Bend::pieces, Precision::given};
    case UnaryFunction::hardswish: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::tanh: return {Reads::y, Bend::curve, Precision::given};
    case UnaryFunction::softplus: return {Reads::x, Bend::curve, Precision::single};
    case UnaryFunction::exp: return {Reads::y, Bend::curve, Precision::single};
    case UnaryFunction::log: return {Reads::x, Bend::curve, Precision::single};
    case UnaryFunction::sqrt: return {Reads::y, Bend::curve, Precision::given};
    case UnaryFunction::rsqrt: return {Reads::y, Bend::curve, Precision::single};
    case UnaryFunction::abs: return {Reads::x, Bend::pieces, Precision::given};
    case UnaryFunction::neg: return {Reads::nothing, Bend::pieces, Precision::given};
    case UnaryFunction::sign: return {Reads::nothing, Bend::steps, Precision::given};
    case UnaryFunction::square: return {Reads::x, Bend::curve, Precision::single};
    case UnaryFunction::reciprocal: return {Reads::y, Bend::curve, Precision::single};
    case UnaryFunction::powScalar: return {Reads::x, Bend::curve, Precision::single};
    case UnaryFunction::affine: return {Reads::nothing, Bend::pieces, Precision::given};
    case UnaryFunction::clamp: return {Reads::x, Bend::pieces, Precision::given};
    case UnaryFunction::sin: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::cos: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::log1p: return {Reads::x, Bend::curve, Precision::single};
    case UnaryFunction::expm1: return {Reads::x, Bend::curve, Precision::single};
    case UnaryFunction::erf: return {Reads::x, Bend::curve, Precision::given};
    case UnaryFunction::floor: return {Reads::nothing, Bend::steps, Precision::given};
    case UnaryFunction::ceil: return {Reads::nothing, Bend::steps, Precision::given};
    case UnaryFunction::round: return {Reads::nothing, Bend::steps, Precision::given};
    case UnaryFunction::isnan: return {Reads::nothing, Bend::steps, Precision::given};
    case UnaryFunction::logicalNot: return {Reads::nothing, Bend::steps, Precision::given};
  }
  return {Reads::x, Bend::curve, Precision::given};  // no function: the compiler asks for a row for each
}

constexpr Precision precisionOf(UnaryFunction f) { return traitsOf(f).precision; }

/// isnan and logicalNot give bool; every other function keeps the type of x.
struct Unary : OpBase<Unary> {
  static constexpr std::string_view name = "unary", inputs = "x";
  static constexpr Traits traits{Precision::byFunction, Samples::ofFirst, Elements::computed, Halves::all};
  UnaryFunction function = UnaryFunction::relu;
  double alpha = 0, beta = 0;
  FIELDS(Unary, function, alpha, beta)
  constexpr std::string_view saves() const {
    const Reads reads = traitsOf(function).derivative;
    return reads == Reads::x ? "x" : reads == Reads::y ? "y" : "";
  }
  constexpr bool givesBool() const { return function == UnaryFunction::isnan || function == UnaryFunction::logicalNot; }
  constexpr Gradient gradient() const { return givesBool() ? Gradient::zero : Gradient::rule; }
};

/// dx = dy · f'(v), v being what the derivative reads (absent where it reads nothing).
struct UnaryBackward : OpBase<UnaryBackward> {
  static constexpr std::string_view name = "unaryBackward", inputs = "dy v?", outputs = "dx";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  UnaryFunction function = UnaryFunction::relu;
  double alpha = 0, beta = 0;
  FIELDS(UnaryBackward, function, alpha, beta)
  constexpr std::string_view saves() const { return traitsOf(function).bend == Bend::curve ? "dy v" : "v"; }
};

NAMED_ENUM(BinaryFunction, add, sub, mul, div, maximum, minimum, pow, eq, ne, lt, le, gt, ge, logicalAnd, logicalOr);

constexpr bool isComparison(BinaryFunction f) { return f >= BinaryFunction::eq; }

constexpr Precision precisionOf(BinaryFunction f) { return f == BinaryFunction::pow ? Precision::single : Precision::widest; }

/// Both inputs have one type; comparisons and logic give bool.
struct Binary : OpBase<Binary> {
  static constexpr std::string_view name = "binary", inputs = "a b";
  static constexpr Traits traits{Precision::byFunction, Samples::broadcast, Elements::computed, Halves::all};
  BinaryFunction function = BinaryFunction::add;
  FIELDS(Binary, function)
  constexpr std::string_view saves() const {
    switch (function) {
      case BinaryFunction::mul:
      case BinaryFunction::maximum:
      case BinaryFunction::minimum: return "a b";
      case BinaryFunction::div: return "b y";
      case BinaryFunction::pow: return "a b y";
      case BinaryFunction::add:
      case BinaryFunction::sub: return "";
      case BinaryFunction::eq:
      case BinaryFunction::ne:
      case BinaryFunction::lt:
      case BinaryFunction::le:
      case BinaryFunction::gt:
      case BinaryFunction::ge:
      case BinaryFunction::logicalAnd:
      case BinaryFunction::logicalOr: return "";  // no gradient
    }
    return "";
  }
  constexpr Gradient gradient() const { return isComparison(function) ? Gradient::zero : Gradient::rule; }
};

/// condition (bool) ? a : b, all three broadcast; a and b have one type, any.
struct Where : OpBase<Where> {
  static constexpr std::string_view name = "where", inputs = "condition a b", saves = "condition";
  static constexpr Traits traits{Precision::widest, Samples::broadcast, Elements::moved, Halves::all};
};

/// Any type to any: numbers to int32 and uint8 truncate and saturate (NaN: 0), to bool they are compared with 0.
struct Cast : OpBase<Cast> {
  static constexpr std::string_view name = "cast", inputs = "x", saves = "";
  static constexpr Traits traits{Precision::given, Samples::ofFirst, Elements::moved, Halves::all};
  DType dtype = DType::float32;
  FIELDS(Cast, dtype)
  /// From float to float it is cast back; to integers nothing flows.
  constexpr Gradient gradient() const { return isFloat(dtype) ? Gradient::rule : Gradient::zero; }
};

}  // namespace cnn

// Element by element: functions of one tensor, of two (broadcasting as NumPy does), selection and type conversion.
//
// All functions take float32 and float64. int32 too: abs, neg, sign, square, clamp, affine (whole alpha and beta), add,
// sub, mul, maximum, minimum (overflow wraps). Every comparable type (with uint8 and bool): logicalNot, comparisons and
// logic.
#pragma once

#include "field.hpp"
#include "functions.hpp"

namespace cnn {

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
  constexpr Gradient gradient() const { return givesBool(function) ? Gradient::zero : Gradient::rule; }
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

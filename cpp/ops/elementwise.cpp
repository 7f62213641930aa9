// The shape rules of elementwise ops.
#include <cmath>

#include "check.hpp"

namespace cnn {

namespace {

/// What a user called: the arithmetic with a number is one function here, several there.
check::Name unaryName(UnaryFunction function, double alpha, double beta) {
  switch (function) {
    case UnaryFunction::powScalar: return "pow";
    case UnaryFunction::geluTanh: return "gelu";
    case UnaryFunction::affine: return beta == 0 ? "mul" : alpha == 1 ? "add" : alpha == -1 ? "sub" : "affine";
    default: return enumName(function);
  }
}

bool takesInt32(UnaryFunction f) { return traitsOf(f).takesInt32; }

bool takesInt32(BinaryFunction f) { return f != BinaryFunction::div && f != BinaryFunction::pow; }

void isComparable(check::Name op, check::Name what, const TensorDesc& x) {
  if (!isComparable(x.dtype)) {
    fail(ErrorKind::dtype, op, ": ", what, " is ", toString(x), ", expected a number or bool; cast it first");
  }
}

/// A whole number within int32, or (for the bounds of clamp) infinite.
void checkWhole(check::Name op, check::Name what, double value, bool mayBeInfinite) {
  if (mayBeInfinite && std::isinf(value)) return;
  if (value != std::trunc(value) || std::abs(value) > 2147483648.0) {
    fail(ErrorKind::dtype, op, ": ", what, " is ", value,
         ", expected a whole number for int32; cast x to float32 first");
  }
}

void checkParameters(check::Name op, const Unary& unary, DType dtype) {
  const UnaryFunction f = unary.function;
  switch (f) {
    case UnaryFunction::leakyRelu: check::notNaN(op, "negativeSlope", unary.alpha); break;
    case UnaryFunction::elu: check::notNaN(op, "alpha", unary.alpha); break;
    case UnaryFunction::softplus:
      check::isFinite(op, "beta", unary.alpha);
      if (unary.alpha == 0) fail(ErrorKind::value, op, ": beta is 0, expected another number");
      check::notNaN(op, "threshold", unary.beta);
      break;
    case UnaryFunction::clamp:
      check::notNaN(op, "min", unary.alpha);
      check::notNaN(op, "max", unary.beta);
      break;
    default: break;
  }
  if (dtype == DType::int32 && (f == UnaryFunction::affine || f == UnaryFunction::clamp)) {
    checkWhole(op, f == UnaryFunction::clamp ? "min" : "factor", unary.alpha, f == UnaryFunction::clamp);
    checkWhole(op, f == UnaryFunction::clamp ? "max" : "summand", unary.beta, f == UnaryFunction::clamp);
  }
}

}  // namespace

Descs infer(const Unary& unary, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = unaryName(unary.function, unary.alpha, unary.beta);
  if (unary.function == UnaryFunction::logicalNot) {
    isComparable(op, "x", x);
  } else if (takesInt32(unary.function)) {
    check::isNumber(op, "x", x);
  } else {
    check::isFloat(op, "x", x);
  }
  checkParameters(op, unary, x.dtype);
  return {check::checkedShape(op, givesBool(unary.function) ? DType::boolean : x.dtype, x.shape)};
}

Descs infer(const UnaryBackward& unary, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &v = inputs[1];
  const check::Name op = UnaryBackward::name;
  const Reads reads = traitsOf(unary.function).derivative;
  check::isFloat(op, "dy", dy);
  if (v.defined) {
    check::sameDesc(op, "v", v, "dy", dy);
  } else if (reads != Reads::nothing) {
    fail(ErrorKind::value, op, ": v is missing, expected the ", reads == Reads::y ? "output" : "input", " of ",
         enumName(unary.function));
  }
  if (traitsOf(unary.function).bend == Bend::steps) {
    fail(ErrorKind::value, op, ": function is ", enumName(unary.function),
         ", expected one whose derivative is not zero everywhere");
  }
  return {check::checkedShape(op, dy.dtype, dy.shape)};
}

Descs infer(const Binary& binary, Inputs inputs) {
  const TensorDesc &a = inputs[0], &b = inputs[1];
  const check::Name op = enumName(binary.function);
  if (isComparison(binary.function)) {
    isComparable(op, "a", a);
  } else if (takesInt32(binary.function)) {
    check::isNumber(op, "a", a);
  } else {
    check::isFloat(op, "a", a);
  }
  check::sameType(op, "b", b, "a", a);
  const DType dtype = isComparison(binary.function) ? DType::boolean : a.dtype;
  return {check::checkedShape(op, dtype, check::broadcast(op, "a", a, "b", b))};
}

Descs infer(const Where&, Inputs inputs) {
  const TensorDesc &condition = inputs[0], &a = inputs[1], &b = inputs[2];
  const check::Name op = Where::name;
  if (condition.dtype != DType::boolean) {
    fail(ErrorKind::dtype, op, ": condition is ", toString(condition), ", expected bool; cast it first");
  }
  check::sameType(op, "b", b, "a", a);
  const TensorDesc values(a.dtype, check::broadcast(op, "a", a, "b", b));
  return {check::checkedShape(op, a.dtype,
                              check::broadcast(op, "condition", condition, "the broadcast of a and b", values))};
}

Descs infer(const Cast& cast, Inputs inputs) { return {check::checkedShape(Cast::name, cast.dtype, inputs[0].shape)}; }

}  // namespace cnn

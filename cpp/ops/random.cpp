// The shape rules of tensors made from nothing, and of dropout.
#include "check.hpp"

namespace cnn {

namespace {

void isFloatType(check::Name op, DType dtype) {
  if (!isComputeFloat(dtype))
    fail(ErrorKind::dtype, op, ": dtype is ", dtype, ", expected float32 or float64; cast the result");
}

}  // namespace

Descs infer(const Fill& fill, Inputs) {
  check::representable(Fill::name, "value", fill.value, fill.dtype);
  return {check::checkedShape(Fill::name, fill.dtype, fill.shape)};
}

Descs infer(const Uniform& uniform, Inputs) {
  const check::Name op = Uniform::name;
  isFloatType(op, uniform.dtype);
  check::isFinite(op, "low", uniform.low);
  check::isFinite(op, "high", uniform.high);
  if (uniform.low > uniform.high) {
    fail(ErrorKind::value, op, ": low is ", uniform.low, " and high is ", uniform.high, ", expected low ≤ high");
  }
  return {check::checkedShape(op, uniform.dtype, uniform.shape)};
}

Descs infer(const Normal& normal, Inputs) {
  isFloatType(Normal::name, normal.dtype);
  check::isFinite(Normal::name, "mean", normal.mean);
  check::atLeast(Normal::name, "std", normal.std, 0);
  return {check::checkedShape(Normal::name, normal.dtype, normal.shape)};
}

Descs infer(const Permutation& permutation, Inputs) {
  check::inRange(Permutation::name, "n", permutation.n, 0, check::maxInt32);
  return {check::checkedShape(Permutation::name, DType::int32, {permutation.n})};
}

Descs infer(const Dropout& dropout, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = dropout.channelwise ? "dropout2d" : "dropout";
  check::isFloat(op, "x", x);
  if (!(dropout.p >= 0 && dropout.p <= 1))
    fail(ErrorKind::value, op, ": p is ", dropout.p, ", expected a probability in [0, 1]");
  if (dropout.channelwise && x.rank() < 2) fail(ErrorKind::shape, op, ": x is ", toString(x), ", expected [N, C, …]");
  return {check::checkedShape(op, x.dtype, x.shape)};
}

}  // namespace cnn

// The shape rules of reductions.
#include "check.hpp"

namespace cnn {

namespace {

/// The shape of x without `axes`, or with ones in their place.
Dims reducedShape(const Dims& shape, const Dims& axes, bool keepdim) {
  Dims result;
  for (int i = 0; i < shape.size(); i++) {
    if (!axes.contains(i)) {
      result.push(shape[i]);
    } else if (keepdim) {
      result.push(1);
    }
  }
  return result;
}

Dims allAxes(int rank) {
  Dims axes;
  for (int i = 0; i < rank; i++) axes.push(i);
  return axes;
}

/// What has no value for no elements.
void notEmpty(check::Name op, const TensorDesc& x, const Dims& axes) {
  for (Index axis : axes) {
    if (x.shape[static_cast<int>(axis)] == 0) {
      fail(ErrorKind::value, op, ": x is ", toString(x), ", expected at least one element along axis ", axis);
    }
  }
}

}  // namespace

Descs infer(const Reduce& reduce, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = enumName(reduce.function);
  if (reduce.function == ReduceFunction::mean) {
    check::isFloat(op, "x", x);
  } else {
    check::isNumber(op, "x", x);
  }
  check::axes(op, "axes", reduce.axes, x.rank());
  const Dims axes = reduce.axes.empty() ? allAxes(x.rank()) : reduce.axes;
  if (reduce.function == ReduceFunction::max || reduce.function == ReduceFunction::min) notEmpty(op, x, axes);
  return {check::checkedShape(op, x.dtype, reducedShape(x.shape, axes, reduce.keepdim))};
}

Descs infer(const Variance& variance, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = variance.root ? "std" : Variance::name;
  check::isFloat(op, "x", x);
  check::axes(op, "axes", variance.axes, x.rank());
  check::notNaN(op, "correction", variance.correction);
  const Dims axes = variance.axes.empty() ? allAxes(x.rank()) : variance.axes;
  return {check::checkedShape(op, x.dtype, reducedShape(x.shape, axes, variance.keepdim)),
          check::checkedShape(op, x.dtype, reducedShape(x.shape, axes, true))};
}

Descs infer(const ArgReduce& reduce, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = reduce.max ? "argmax" : "argmin";
  if (!isNumber(x.dtype) && x.dtype != DType::uint8) {
    fail(ErrorKind::dtype, op, ": x is ", toString(x),
         ", expected float32, float64, bfloat16, float16, int32 or uint8; cast it first");
  }
  const bool flattens = reduce.axis == -1;
  if (!flattens) check::axis(op, "axis", reduce.axis, x.rank());
  const Dims axes = flattens ? allAxes(x.rank()) : Dims{reduce.axis};
  notEmpty(op, x, axes);
  const Index length = flattens ? x.elements() : x.shape[static_cast<int>(reduce.axis)];
  if (length > check::maxInt32) {
    fail(ErrorKind::shape, op, ": x is ", toString(x), ", expected at most ", check::maxInt32,
         " elements to choose from");
  }
  return {check::checkedShape(op, DType::int32, reducedShape(x.shape, axes, reduce.keepdim))};
}

}  // namespace cnn

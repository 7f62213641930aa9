// The shape rules of matrix products.
#include "check.hpp"

namespace cnn {

Descs infer(const Linear&, Inputs inputs) {
  const TensorDesc &x = inputs[0], &weight = inputs[1], &bias = inputs[2];
  const check::Name op = Linear::name;
  if (x.rank() < 1) fail(ErrorKind::shape, op, ": x is ", toString(x), ", expected [..., I]");
  check::isFloat(op, "x", x);
  check::sameType(op, "weight", weight, "x", x);
  check::rankIs(op, "weight", weight, 2, "[O, I]");
  if (weight.shape[1] != x.shape.back()) {
    fail(ErrorKind::shape, op, ": x is ", toString(x), " with ", x.shape.back(), " features, but weight ",
         toString(weight), " expects ", weight.shape[1]);
  }
  if (bias.defined) {
    check::sameType(op, "bias", bias, "x", x);
    check::shapeIs(op, "bias", bias, {weight.shape[0]}, "one number an output feature");
  }
  Dims shape = x.shape;
  shape.back() = weight.shape[0];
  return {check::checkedShape(op, x.dtype, shape)};
}

Descs infer(const LinearBackwardWeight& linear, Inputs inputs) {
  const TensorDesc &x = inputs[0], &dy = inputs[1];
  const check::Name op = LinearBackwardWeight::name;
  if (x.rank() < 1) fail(ErrorKind::shape, op, ": x is ", toString(x), ", expected [..., I]");
  check::isFloat(op, "x", x);
  check::sameType(op, "dy", dy, "x", x);
  if (dy.rank() != x.rank() || dy.shape.slice(0, dy.rank() - 1) != x.shape.slice(0, x.rank() - 1)) {
    fail(ErrorKind::shape, op, ": x is ", toString(x), " and dy is ", toString(dy),
         ", expected them to differ in the last dimension alone");
  }
  Descs outputs = {check::checkedShape(op, x.dtype, {dy.shape.back(), x.shape.back()})};
  if (linear.bias) outputs.push_back(check::checkedShape(op, x.dtype, {dy.shape.back()}));
  return outputs;
}

Descs infer(const MatMul& matmul, Inputs inputs) {
  const TensorDesc &a = inputs[0], &b = inputs[1];
  const check::Name op = MatMul::name;
  if (a.rank() < 2) fail(ErrorKind::shape, op, ": a is ", toString(a), ", expected at least 2 dimensions");
  if (b.rank() < 2) fail(ErrorKind::shape, op, ": b is ", toString(b), ", expected at least 2 dimensions");
  check::isFloat(op, "a", a);
  check::sameType(op, "b", b, "a", a);
  Dims left = a.shape.slice(a.rank() - 2), right = b.shape.slice(b.rank() - 2);
  if (matmul.transposeA) std::swap(left[0], left[1]);
  if (matmul.transposeB) std::swap(right[0], right[1]);
  if (left[1] != right[0]) {
    fail(ErrorKind::shape, op, ": a is ", toString(a), " and b is ", toString(b), ", expected the columns of a (",
         left[1], ") to be as many as the rows of b (", right[0], ")");
  }
  const TensorDesc aBatch(a.dtype, a.shape.slice(0, a.rank() - 2)), bBatch(b.dtype, b.shape.slice(0, b.rank() - 2));
  Dims shape = check::broadcast(op, "batch of a", aBatch, "batch of b", bBatch);
  shape.push(left[0]);
  shape.push(right[1]);
  return {check::checkedShape(op, a.dtype, shape)};
}

}  // namespace cnn

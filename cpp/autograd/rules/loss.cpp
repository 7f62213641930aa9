// Gradients of softmax and of losses.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

Tensors vjp(const Softmax& op, const Context& c, Grads dy) {
  return one(c.emit(SoftmaxBackward{.axis = op.axis, .log = op.log}, {dy[0], c.output(0)}));
}

// dx = y·(dy − Σ dy·y), or dy − e^y·Σ dy for the logarithm; sums along the axis.
Tensors vjp(const SoftmaxBackward& op, const Context& c, Grads grads) {
  Tensors result(2);
  const Tensor& g = grads[0];
  const Tensor y = c.input(1);
  const Dims axis = {op.axis};
  if (op.log) {
    const Tensor p = unary(c, UnaryFunction::exp, y);
    if (c.needs(0)) result[0] = binary(c, BinaryFunction::sub, g, sum(c, mul(c, g, p), axis, true));
    if (c.needs(1)) result[1] = neg(c, mul(c, mul(c, g, p), sum(c, c.input(0), axis, true)));
    return result;
  }
  if (c.needs(0)) result[0] = c.emit(op, {g, y});  // the Jacobian is symmetric
  if (c.needs(1)) {
    const Tensor dy = c.input(0);
    const Tensor centred = binary(c, BinaryFunction::sub, dy, sum(c, mul(c, dy, y), axis, true));
    result[1] = binary(c, BinaryFunction::sub, mul(c, g, centred), mul(c, dy, sum(c, mul(c, g, y), axis, true)));
  }
  return result;
}

Tensors vjp(const NllLoss& op, const Context& c, Grads dy) {
  if (dy[1]) fail(ErrorKind::gradient, "nllLoss: totalWeight has no gradient");
  NllLossBackward backward{
      .reduction = op.reduction, .ignoreIndex = op.ignoreIndex, .classes = c.inputDesc(0).shape[1]};
  return {c.emit(backward, {dy[0], c.input(1), c.input(2), c.output(1)}), Tensor(), Tensor()};
}

// The loss is linear in logp, so the gradient is linear in dy with the loss itself as its transpose.
Tensors vjp(const NllLossBackward& op, const Context& c, Grads ddx) {
  return {c.emit(NllLoss{.reduction = op.reduction, .ignoreIndex = op.ignoreIndex}, {ddx[0], c.input(1), c.input(2)}),
          Tensor(), Tensor(), Tensor()};
}

Tensors vjp(const PairLoss& op, const Context& c, Grads dy) {
  Tensors result(2);
  const Tensor x = c.input(0), target = c.input(1);
  const bool isSmooth = op.function == PairLossFunction::smoothL1;
  if (c.needs(0) || isSmooth) {
    result[0] = c.emit(PairLossBackward{.function = op.function, .beta = op.beta}, {dy[0], x, target});
  }
  if (!c.needs(1)) return result;
  if (isSmooth) {
    result[1] = neg(c, result[0]);
  } else {  // log(1 − x) − log x
    const Tensor logs =
        binary(c, BinaryFunction::sub, unary(c, UnaryFunction::log1p, neg(c, x)), unary(c, UnaryFunction::log, x));
    result[1] = mul(c, dy[0], logs);
  }
  return result;
}

// The slopes of smoothL1's gradient g·[|d| < beta]/beta, and those of binaryCrossEntropy's with 1e-12 beside x and 1 −
// x, as PyTorch has them.
Tensors vjp(const PairLossBackward& op, const Context& c, Grads grads) {
  Tensors result(3);
  const Tensor &g = grads[0], dy = c.input(0), x = c.input(1), target = c.input(2);
  const Tensor difference = binary(c, BinaryFunction::sub, x, target);
  if (op.function == PairLossFunction::smoothL1) {
    if (c.needs(0)) result[0] = c.emit(op, {g, x, target});
    if (!c.needs(1) && !c.needs(2)) return result;
    const Tensor beta = fill(c, TensorDesc(x.dtype(), Dims()), op.beta);
    const Tensor isNear = binary(c, BinaryFunction::lt, unary(c, UnaryFunction::abs, difference), beta);
    result[1] = where(c, isNear, affine(c, mul(c, g, dy), 1 / op.beta));
    if (c.needs(2)) result[2] = neg(c, result[1]);
    return result;
  }
  const Tensor divisor = mul(c, affine(c, x, 1, leastDivisor), affine(c, affine(c, x, -1, 1), 1, leastDivisor));
  if (c.needs(0)) result[0] = mul(c, g, div(c, difference, divisor));
  if (c.needs(1)) {  // x² − 2·x·target + target
    const Tensor bend = add(c, mul(c, x, binary(c, BinaryFunction::sub, x, affine(c, target, 2))), target);
    result[1] = mul(c, div(c, bend, unary(c, UnaryFunction::square, divisor)), mul(c, g, dy));
  }
  if (c.needs(2)) result[2] = neg(c, div(c, mul(c, g, dy), divisor));
  return result;
}

}  // namespace cnn

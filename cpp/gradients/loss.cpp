// Gradients of softmax and of the negative log-likelihood.
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
  NllLossBackward backward{.reduction = op.reduction, .ignoreIndex = op.ignoreIndex, .classes = c.inputDesc(0).shape[1]};
  return {c.emit(backward, {dy[0], c.input(1), c.input(2), c.output(1)}), Tensor(), Tensor()};
}

// The loss is linear in logp, so the gradient is linear in dy with the loss itself as its transpose.
Tensors vjp(const NllLossBackward& op, const Context& c, Grads ddx) {
  return {c.emit(NllLoss{.reduction = op.reduction, .ignoreIndex = op.ignoreIndex}, {ddx[0], c.input(1), c.input(2)}), Tensor(), Tensor(),
          Tensor()};
}

}  // namespace cnn

// Gradients of softmax and of the negative log-likelihood.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

Tensors vjp(const Softmax& op, const Context& c, Grads dy) {
  return one(c.emit(SoftmaxBackward{.axis = op.axis, .log = op.log}, {dy[0], c.output(0)}));
}

Tensors vjp(const NllLoss& op, const Context& c, Grads dy) {
  if (dy[1]) fail(ErrorKind::gradient, "nllLoss: totalWeight has no gradient");
  NllLossBackward backward{.reduction = op.reduction, .ignoreIndex = op.ignoreIndex, .classes = c.inputDesc(0).shape[1]};
  return {c.emit(backward, {dy[0], c.input(1), c.input(2), c.output(1)}), Tensor(), Tensor()};
}

}  // namespace cnn

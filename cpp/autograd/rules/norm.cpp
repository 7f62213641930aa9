// Gradients of normalisation: each norm has one backward op that gives dx, dw and db together.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

namespace {

// inputs of the op: x, weight?, bias?, …; outputs of its backward op: dx, dw, db
Tensors spread(const Context& c, const Tensors& gradients) {
  Tensors result(static_cast<std::size_t>(c.inputCount()));
  for (int i = 0; i < 3; i++) {
    if (c.needs(i)) result[static_cast<std::size_t>(i)] = gradients[static_cast<std::size_t>(i)];
  }
  return result;
}

void onlyFirstOutput(std::string_view op, Grads dy) {
  if (dy[1] || dy[2]) fail(ErrorKind::gradient, op, ": its statistics (mean, invStd) have no gradient");
}

}  // namespace

Tensors vjp(const BatchNorm& op, const Context& c, Grads dy) {
  onlyFirstOutput(op.name, dy);
  return spread(c, c.emitAll(BatchNormBackward{.training = op.training, .eps = op.eps},
                             {dy[0], c.input(0), c.input(1), c.output(1), c.output(2)}));
}

Tensors vjp(const GroupNorm& op, const Context& c, Grads dy) {
  onlyFirstOutput(op.name, dy);
  return spread(
      c, c.emitAll(GroupNormBackward{.groups = op.groups}, {dy[0], c.input(0), c.input(1), c.output(1), c.output(2)}));
}

Tensors vjp(const LayerNorm& op, const Context& c, Grads dy) {
  onlyFirstOutput(op.name, dy);
  return spread(
      c, c.emitAll(LayerNormBackward{.axes = op.axes}, {dy[0], c.input(0), c.input(1), c.output(1), c.output(2)}));
}

Tensors vjp(const LocalResponseNorm& op, const Context& c, Grads dy) {
  return one(c.emit(LocalResponseNormBackward{.size = op.size, .alpha = op.alpha, .beta = op.beta, .k = op.k},
                    {dy[0], c.input(0)}));
}

}  // namespace cnn

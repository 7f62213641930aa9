// Gradients of reading and writing at positions: each is the other's.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

Tensors vjp(const Gather& op, const Context& c, Grads dy) {
  return {c.emit(ScatterAdd{.axis = op.axis, .inputShape = c.inputDesc(0).shape}, {dy[0], c.input(1)}), Tensor()};
}

Tensors vjp(const ScatterAdd& op, const Context& c, Grads ddx) {
  return {c.emit(Gather{.axis = op.axis}, {ddx[0], c.input(1)}), Tensor()};
}

Tensors vjp(const IndexSelect& op, const Context& c, Grads dy) {
  return {
      c.emit(IndexAdd{.axis = op.axis, .size = c.inputDesc(0).shape[static_cast<int>(op.axis)]}, {dy[0], c.input(1)}),
      Tensor()};
}

Tensors vjp(const IndexAdd& op, const Context& c, Grads ddx) {
  return {c.emit(IndexSelect{.axis = op.axis}, {ddx[0], c.input(1)}), Tensor()};
}

}  // namespace cnn

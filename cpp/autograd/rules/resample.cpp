// Gradients of interpolation, which is linear: the two ops are each other's.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

Tensors vjp(const Upsample& op, const Context& c, Grads dy) {
  return one(c.emit(
      UpsampleBackward{.inputSize = c.inputDesc(0).shape.slice(2), .mode = op.mode, .alignCorners = op.alignCorners},
      {dy[0]}));
}

Tensors vjp(const UpsampleBackward& op, const Context& c, Grads ddx) {
  return one(
      c.emit(Upsample{.outputSize = c.inputDesc(0).shape.slice(2), .mode = op.mode, .alignCorners = op.alignCorners},
             {ddx[0]}));
}

}  // namespace cnn

// Gradients of interpolation.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

Tensors vjp(const Upsample& op, const Context& c, Grads dy) {
  return one(c.emit(UpsampleBackward{.inputSize = c.inputDesc(0).shape.slice(2), .mode = op.mode, .alignCorners = op.alignCorners}, {dy[0]}));
}

}  // namespace cnn

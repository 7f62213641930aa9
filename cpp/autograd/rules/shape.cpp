// Gradients of ops that move elements: dy moves back.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

namespace {

Dims negated(Dims dims) {
  for (Index& value : dims) value = -value;
  return dims;
}

}  // namespace

Tensors vjp(const Reshape&, const Context& c, Grads dy) { return one(reshape(c, dy[0], c.inputDesc(0).shape)); }

Tensors vjp(const Permute& op, const Context& c, Grads dy) {
  Dims inverse = op.axes;
  for (int i = 0; i < op.axes.size(); i++) inverse[static_cast<int>(op.axes[i])] = i;
  return one(c.emit(Permute{.axes = inverse}, {dy[0]}));
}

Tensors vjp(const Expand&, const Context& c, Grads dy) { return one(sumTo(c, dy[0], c.inputDesc(0).shape)); }

Tensors vjp(const Concat& op, const Context& c, Grads dy) {
  Tensors dx(static_cast<std::size_t>(c.inputCount()));
  int axis = static_cast<int>(op.axis);
  Slice part{.starts = Dims::filled(dy[0].rank(), 0), .stops = dy[0].shape(), .steps = Dims::filled(dy[0].rank(), 1)};
  Index start = 0;
  for (int i = 0; i < c.inputCount(); i++) {
    part.starts[axis] = start;
    start += c.inputDesc(i).shape[axis];
    part.stops[axis] = start;
    if (c.needs(i)) dx[static_cast<std::size_t>(i)] = c.emit(part, {dy[0]});
  }
  return dx;
}

Tensors vjp(const Slice& op, const Context& c, Grads dy) {
  return one(c.emit(
      SliceBackward{.starts = op.starts, .stops = op.stops, .steps = op.steps, .inputShape = c.inputDesc(0).shape},
      {dy[0]}));
}

Tensors vjp(const SliceBackward& op, const Context& c, Grads ddx) {
  return one(c.emit(Slice{.starts = op.starts, .stops = op.stops, .steps = op.steps}, {ddx[0]}));
}

// Of a constant pad, what was added is cut away again, and what was cut away becomes zeros.
Tensors vjp(const Pad& op, const Context& c, Grads dy) {
  if (op.mode == PadMode::constant) return one(c.emit(Pad{.low = negated(op.low), .high = negated(op.high)}, {dy[0]}));
  return one(c.emit(PadBackward{.low = op.low, .high = op.high, .mode = op.mode, .inputShape = c.inputDesc(0).shape},
                    {dy[0]}));
}

Tensors vjp(const PadBackward& op, const Context& c, Grads ddx) {
  return one(c.emit(Pad{.low = op.low, .high = op.high, .mode = op.mode}, {ddx[0]}));
}

Tensors vjp(const Flip& op, const Context& c, Grads dy) { return one(c.emit(op, {dy[0]})); }

}  // namespace cnn

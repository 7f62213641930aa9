// Convolution is linear in x and in the weight, so its three ops are each other's gradients, to any order.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

namespace {

template <class From>
Conv forwardOf(const From& op) {
  return {.stride = op.stride,
          .padding = op.padding,
          .paddingEnd = op.paddingEnd,
          .dilation = op.dilation,
          .groups = op.groups};
}

template <class From>
ConvBackwardData dataOf(const From& op, const Dims& x) {
  return {.stride = op.stride,
          .padding = op.padding,
          .paddingEnd = op.paddingEnd,
          .dilation = op.dilation,
          .groups = op.groups,
          .inputSize = x.slice(2)};
}

template <class From>
ConvBackwardWeight weightOf(const From& op, const Dims& weight, bool bias) {
  return {.stride = op.stride,
          .padding = op.padding,
          .paddingEnd = op.paddingEnd,
          .dilation = op.dilation,
          .groups = op.groups,
          .kernelSize = weight.slice(2),
          .bias = bias};
}

// dy summed over all but the channels: the gradient of a bias.
Tensor biasGradient(const Context& c, const Tensor& dy) {
  Dims axes;
  for (int i = 0; i < dy.rank(); i++) {
    if (i != 1) axes.push(i);
  }
  return sum(c, dy, axes, false);
}

}  // namespace

Tensors vjp(const Conv& op, const Context& c, Grads dy) {
  Tensors dx(3);
  if (c.needs(0)) dx[0] = c.emit(dataOf(op, c.inputDesc(0).shape), {dy[0], c.input(1), Tensor()});
  if (c.needs(1)) {
    Tensors gradients = c.emitAll(weightOf(op, c.inputDesc(1).shape, c.needs(2)), {c.input(0), dy[0]});
    dx[1] = gradients[0];
    if (c.needs(2)) dx[2] = gradients[1];
  } else if (c.needs(2)) {
    dx[2] = biasGradient(c, dy[0]);
  }
  return dx;
}

Tensors vjp(const ConvBackwardData& op, const Context& c, Grads ddx) {
  Tensors result(3);
  if (c.needs(0)) result[0] = c.emit(forwardOf(op), {ddx[0], c.input(1), Tensor()});
  if (c.needs(1)) result[1] = c.emitAll(weightOf(op, c.inputDesc(1).shape, false), {ddx[0], c.input(0)})[0];
  if (c.needs(2)) result[2] = biasGradient(c, ddx[0]);
  return result;
}

// The outputs are dw and db; db is the sum of dy over all but the channels.
Tensors vjp(const ConvBackwardWeight& op, const Context& c, Grads ddw) {
  Tensors result(2);
  if (ddw[0]) {
    if (c.needs(0)) result[0] = c.emit(dataOf(op, c.inputDesc(0).shape), {c.input(1), ddw[0], Tensor()});
    if (c.needs(1)) result[1] = c.emit(forwardOf(op), {c.input(0), ddw[0], Tensor()});
  }
  if (op.bias && ddw[1] && c.needs(1)) {
    const Dims& shape = c.inputDesc(1).shape;
    Dims channels = Dims::filled(shape.size(), 1);
    channels[1] = shape[1];
    Tensor fromBias = c.emit(Expand{.shape = shape}, {reshape(c, ddw[1], channels)});
    result[1] = result[1] ? add(c, result[1], fromBias) : fromBias;
  }
  return result;
}

}  // namespace cnn

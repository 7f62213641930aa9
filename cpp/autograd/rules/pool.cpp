// Gradients of pooling: a maximum passes dy to where it was found, a mean shares it.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

Tensors vjp(const MaxPool& op, const Context& c, Grads dy) {
  return one(c.emit(MaxPoolBackward{.kernelSize = op.kernelSize,
                                    .stride = op.stride,
                                    .padding = op.padding,
                                    .dilation = op.dilation,
                                    .ceilMode = op.ceilMode,
                                    .returnIndices = op.returnIndices,
                                    .inputSize = c.inputDesc(0).shape.slice(2)},
                    {dy[0], c.output(1)}));
}

Tensors vjp(const MaxPoolBackward& op, const Context& c, Grads ddx) {
  if (!op.returnIndices) {
    fail(ErrorKind::gradient,
         "maxPool: its second derivative is only available where the forward pass had returnIndices");
  }
  return {c.emit(PlaneGather{}, {ddx[0], c.input(1)}), Tensor()};
}

Tensors vjp(const MaxUnpool&, const Context& c, Grads dy) {
  return {c.emit(PlaneGather{}, {dy[0], c.input(1)}), Tensor()};
}

Tensors vjp(const PlaneGather&, const Context& c, Grads dy) {
  return {c.emit(MaxUnpool{.outputSize = c.inputDesc(0).shape.slice(2), .accumulate = true}, {dy[0], c.input(1)}),
          Tensor()};
}

Tensors vjp(const AvgPool& op, const Context& c, Grads dy) {
  return one(c.emit(AvgPoolBackward{.kernelSize = op.kernelSize,
                                    .stride = op.stride,
                                    .padding = op.padding,
                                    .ceilMode = op.ceilMode,
                                    .countIncludePad = op.countIncludePad,
                                    .divisor = op.divisor,
                                    .inputSize = c.inputDesc(0).shape.slice(2)},
                    {dy[0]}));
}

Tensors vjp(const AvgPoolBackward& op, const Context& c, Grads ddx) {
  return one(c.emit(AvgPool{.kernelSize = op.kernelSize,
                            .stride = op.stride,
                            .padding = op.padding,
                            .ceilMode = op.ceilMode,
                            .countIncludePad = op.countIncludePad,
                            .divisor = op.divisor},
                    {ddx[0]}));
}

Tensors vjp(const AdaptiveAvgPool&, const Context& c, Grads dy) {
  return one(c.emit(AdaptiveAvgPoolBackward{.inputSize = c.inputDesc(0).shape.slice(2)}, {dy[0]}));
}

Tensors vjp(const AdaptiveAvgPoolBackward&, const Context& c, Grads ddx) {
  return one(c.emit(AdaptiveAvgPool{.outputSize = c.inputDesc(0).shape.slice(2)}, {ddx[0]}));
}

Tensors vjp(const AdaptiveMaxPool&, const Context& c, Grads dy) {
  return one(c.emit(MaxUnpool{.outputSize = c.inputDesc(0).shape.slice(2), .accumulate = true}, {dy[0], c.output(1)}));
}

}  // namespace cnn

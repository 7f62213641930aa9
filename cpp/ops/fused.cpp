// The shape rules of fused ops: those of their parts.
#include "check.hpp"

namespace cnn {

namespace {

void checkLike(check::Name op, check::Name what, const TensorDesc& tensor, const TensorDesc& y) {
  if (!tensor.defined) return;
  check::sameType(op, what, tensor, "y", y);
  check::shapeIs(op, what, tensor, y.shape, "the shape of y");
}

}  // namespace

Descs infer(const ConvActivation& op, Inputs inputs) {
  Descs outputs = infer(op.conv(), inputs.first(3));
  checkLike(ConvActivation::name, "residual", inputs[3], outputs[0]);
  return outputs;
}

Descs infer(const BatchNormActivation& op, Inputs inputs) {
  Descs outputs = infer(op.norm(), inputs.first(5));
  checkLike(BatchNormActivation::name, "residual", inputs[5], outputs[0]);
  return outputs;
}

Descs infer(const BatchNormActivationBackward& op, Inputs inputs) {
  const TensorDesc parts[] = {inputs[0], inputs[1], inputs[2], inputs[4], inputs[5]};
  Descs outputs = infer(BatchNormBackward{.training = op.training, .eps = op.eps}, parts);
  checkLike(BatchNormActivationBackward::name, "y", inputs[6], inputs[1]);
  if (!inputs[6].defined && inputs[2].defined != inputs[3].defined) {
    fail(ErrorKind::value, BatchNormActivationBackward::name, ": only ", inputs[2].defined ? "weight" : "bias",
         " was given, expected weight and bias or neither where y is not given");
  }
  if (op.residual && !inputs[6].defined) fail(ErrorKind::value, BatchNormActivationBackward::name, ": y is missing, expected it with a residual");
  if (op.residual) outputs.push_back(outputs[0]);
  return outputs;
}

}  // namespace cnn

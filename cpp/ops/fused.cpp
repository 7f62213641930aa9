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
  TensorDesc parts[] = {inputs[0], inputs[1], inputs[2]};
  if (parts[2].defined && parts[2].dtype == accumulationType(parts[0].dtype)) parts[2].dtype = parts[0].dtype;
  Descs outputs = infer(op.conv(), parts);
  checkLike(ConvActivation::name, "residual", inputs[3], outputs[0]);
  return outputs;
}

Descs infer(const LinearActivation&, Inputs inputs) { return infer(Linear{}, inputs); }

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
  if (op.residual && !inputs[6].defined)
    fail(ErrorKind::value, BatchNormActivationBackward::name, ": y is missing, expected it with a residual");
  if (op.residual) outputs.push_back(outputs[0]);
  return outputs;
}

Descs infer(const CrossEntropy& op, Inputs inputs) {
  const TensorDesc& logits = inputs[0];
  check::rankIs(CrossEntropy::name, "logits", logits, 2, "[N, C]");
  Descs outputs = infer(op.loss(), inputs);
  outputs.push_back(TensorDesc(logits.dtype == DType::float64 ? DType::float64 : DType::float32, {logits.shape[0], 2}));
  return outputs;
}

Descs infer(const CrossEntropyBackward& op, Inputs inputs) {
  const TensorDesc& logits = inputs[1];
  check::rankIs(CrossEntropyBackward::name, "logits", logits, 2, "[N, C]");
  const TensorDesc parts[] = {inputs[0], inputs[2], inputs[3], inputs[4]};
  Descs outputs = infer(
      NllLossBackward{.reduction = op.reduction, .ignoreIndex = op.ignoreIndex, .classes = logits.shape[1]}, parts);
  checkLike(CrossEntropyBackward::name, "logits", logits, outputs[0]);
  check::shapeIs(CrossEntropyBackward::name, "logSums", inputs[5], {logits.shape[0], 2}, "two numbers a row");
  return outputs;
}

}  // namespace cnn

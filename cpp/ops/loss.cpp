// The shape rules of softmax and of losses.
#include "check.hpp"

namespace cnn {

namespace {

/// [N, …] of [N, C, …].
Dims withoutClasses(const TensorDesc& logp) {
  Dims shape = logp.shape;
  shape.erase(1);
  return shape;
}

}  // namespace

Descs infer(const Softmax& softmax, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = softmax.log ? "logSoftmax" : "softmax";
  check::isFloat(op, "x", x);
  check::axis(op, "axis", softmax.axis, x.rank());
  return {check::checkedShape(op, x.dtype, x.shape)};
}

Descs infer(const SoftmaxBackward& softmax, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &y = inputs[1];
  const check::Name op = SoftmaxBackward::name;
  check::isFloat(op, "dy", dy);
  check::sameDesc(op, "y", y, "dy", dy);
  check::axis(op, "axis", softmax.axis, dy.rank());
  return {check::checkedShape(op, dy.dtype, dy.shape)};
}

Descs infer(const NllLoss& loss, Inputs inputs) {
  const TensorDesc &logp = inputs[0], &target = inputs[1], &weight = inputs[2];
  const check::Name op = NllLoss::name;
  if (logp.rank() < 2) fail(ErrorKind::shape, op, ": logp is ", toString(logp), ", expected [N, C, …]");
  check::isFloat(op, "logp", logp);
  if (logp.shape[1] == 0) fail(ErrorKind::shape, op, ": logp is ", toString(logp), ", expected at least one class");
  check::inRange(op, "number of classes", logp.shape[1], 1, check::maxInt32);
  check::isInt32(op, "target", target);
  const Dims targetShape = withoutClasses(logp);
  check::shapeIs(op, "target", target, targetShape, "logp without its classes");
  if (weight.defined) {
    check::sameType(op, "weight", weight, "logp", logp);
    check::shapeIs(op, "weight", weight, {logp.shape[1]}, "one number a class");
  }
  return {check::checkedShape(op, logp.dtype, loss.reduction == Reduction::none ? targetShape : Dims{}),
          check::checkedShape(op, logp.dtype, {})};
}

Descs infer(const NllLossBackward& loss, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &target = inputs[1], &weight = inputs[2], &totalWeight = inputs[3];
  const check::Name op = NllLossBackward::name;
  check::isFloat(op, "dy", dy);
  check::inRange(op, "classes", loss.classes, 1, check::maxInt32);
  check::isInt32(op, "target", target);
  if (target.rank() < 1 || target.rank() >= maxRank) {
    fail(ErrorKind::shape, op, ": target is ", toString(target), ", expected [N, …] of 1 to ", maxRank - 1,
         " dimensions");
  }
  check::shapeIs(op, "dy", dy, loss.reduction == Reduction::none ? target.shape : Dims{}, "the shape of the loss");
  if (weight.defined) {
    check::sameType(op, "weight", weight, "dy", dy);
    check::shapeIs(op, "weight", weight, {loss.classes}, "one number a class");
  }
  check::sameType(op, "totalWeight", totalWeight, "dy", dy);
  check::shapeIs(op, "totalWeight", totalWeight, {}, "a scalar");
  Dims shape = target.shape;
  shape.insert(1, loss.classes);
  return {check::checkedShape(op, dy.dtype, shape)};
}

Descs infer(const PairLoss& loss, Inputs inputs) {
  const TensorDesc &x = inputs[0], &target = inputs[1];
  const check::Name op = loss.function == PairLossFunction::smoothL1 ? "smoothL1Loss" : "binaryCrossEntropy";
  check::isFloat(op, "x", x);
  check::sameDesc(op, "target", target, "x", x);
  if (!(loss.beta > 0)) fail(ErrorKind::value, op, ": beta is ", loss.beta, ", expected a number above 0");
  return {check::checkedShape(op, x.dtype, x.shape)};
}

Descs infer(const PairLossBackward& loss, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &x = inputs[1];
  check::sameDesc(PairLossBackward::name, "dy", dy, "x", x);
  return infer(PairLoss{.function = loss.function, .beta = loss.beta}, inputs.subspan(1));
}

}  // namespace cnn

// The shape rules of ops that overwrite their inputs: nothing comes out, but lists must fit each other.
#include <limits>

#include "check.hpp"

namespace cnn {

namespace {

/// All tensors of a list are compute floats of one type.
void checkTypes(check::Name op, check::Name what, Inputs list) {
  for (const TensorDesc& x : list) {
    check::isComputeFloat(op, what, x);
    check::sameType(op, what, x, "another of them", list[0]);
  }
}

/// `inputs` are lists of `count` tensors; each later list has the shapes and types of the first, the parameters.
void checkLists(check::Name op, Inputs inputs, Index count, Index least, Index most) {
  if (count < 1) fail(ErrorKind::value, op, ": got no parameters, expected at least one");
  const Index given = static_cast<Index>(inputs.size());
  if (given % count != 0 || given / count < least || given / count > most) {
    fail(ErrorKind::value, op, ": got ", given, " tensors for ", count, " parameters, expected ", least,
         most > least ? " or more" : "", " lists of equal length");
  }
  const auto size = static_cast<std::size_t>(count);
  checkTypes(op, "a parameter", inputs.first(size));
  for (std::size_t i = size; i < inputs.size(); i++) {
    const TensorDesc &param = inputs[i % size], &x = inputs[i];
    if (x.dtype == param.dtype && x.shape == param.shape) continue;
    fail(x.dtype != param.dtype ? ErrorKind::dtype : ErrorKind::shape, op, ": parameter ", i % size, " is ",
         toString(param), ", but its ", i < 2 * size ? "gradient" : "state", " is ", toString(x),
         "; expected one shape and type");
  }
}

/// What every optimizer has.
template <class Op>
void checkRates(const Op& update) {
  check::atLeast(Op::name, "learningRate", update.learningRate, 0);
  check::atLeast(Op::name, "weightDecay", update.weightDecay, 0);
}

}  // namespace

Descs infer(const Sgd& sgd, Inputs inputs) {
  const check::Name op = Sgd::name;
  checkLists(op, inputs, sgd.count, 2, 3);
  checkRates(sgd);
  check::atLeast(op, "momentum", sgd.momentum, 0);
  check::isFinite(op, "dampening", sgd.dampening);
  check::inRange(op, "step", sgd.step, 1, std::numeric_limits<Index>::max());
  if (sgd.nesterov && (sgd.momentum == 0 || sgd.dampening != 0)) {
    fail(ErrorKind::value, op, ": nesterov with momentum ", sgd.momentum, " and dampening ", sgd.dampening,
         ", expected a momentum and no dampening");
  }
  if (sgd.momentum != 0 && static_cast<Index>(inputs.size()) != 3 * sgd.count) {
    fail(ErrorKind::value, op, ": momentum is ", sgd.momentum, ", but there are no momentum buffers");
  }
  return {};
}

Descs infer(const Adam& adam, Inputs inputs) {
  const check::Name op = Adam::name;
  checkLists(op, inputs, adam.count, 4, 5);
  checkRates(adam);
  check::fraction(op, "beta1", adam.beta1);
  check::fraction(op, "beta2", adam.beta2);
  check::atLeast(op, "eps", adam.eps, 0);
  check::inRange(op, "step", adam.step, 1, std::numeric_limits<Index>::max());
  return {};
}

Descs infer(const RmsProp& rmsProp, Inputs inputs) {
  const check::Name op = RmsProp::name;
  const Index centered = rmsProp.centered ? 1 : 0;
  checkLists(op, inputs, rmsProp.count, 3 + centered, 4 + centered);
  checkRates(rmsProp);
  check::atLeast(op, "alpha", rmsProp.alpha, 0);
  check::atLeast(op, "eps", rmsProp.eps, 0);
  check::atLeast(op, "momentum", rmsProp.momentum, 0);
  if (rmsProp.momentum != 0 && static_cast<Index>(inputs.size()) != (4 + centered) * rmsProp.count) {
    fail(ErrorKind::value, op, ": momentum is ", rmsProp.momentum, ", but there are no momentum buffers");
  }
  return {};
}

Descs infer(const ClipGradNorm& clip, Inputs inputs) {
  const check::Name op = ClipGradNorm::name;
  if (inputs.empty()) fail(ErrorKind::value, op, ": got no gradients, expected at least one");
  checkTypes(op, "a gradient", inputs);
  if (!(clip.maxNorm >= 0)) fail(ErrorKind::value, op, ": maxNorm is ", clip.maxNorm, ", expected at least 0");
  if (!(clip.normType > 0))
    fail(ErrorKind::value, op, ": normType is ", clip.normType, ", expected more than 0 (or infinity)");
  return {check::checkedShape(op, inputs[0].dtype, {})};
}

Descs infer(const ClipGradValue& clip, Inputs inputs) {
  const check::Name op = ClipGradValue::name;
  if (inputs.empty()) fail(ErrorKind::value, op, ": got no gradients, expected at least one");
  checkTypes(op, "a gradient", inputs);
  if (!(clip.clipValue >= 0)) fail(ErrorKind::value, op, ": clipValue is ", clip.clipValue, ", expected at least 0");
  return {};
}

Descs infer(const Copy&, Inputs inputs) {
  check::sameDesc(Copy::name, "source", inputs[1], "target", inputs[0]);
  return {};
}

}  // namespace cnn

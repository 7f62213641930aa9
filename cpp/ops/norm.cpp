// The shape rules of normalisation.
#include "check.hpp"

namespace cnn {

namespace {

void atLeastChannels(check::Name op, check::Name what, const TensorDesc& x, int rank, check::Name expected) {
  if (x.rank() < rank) fail(ErrorKind::shape, op, ": ", what, " is ", toString(x), ", expected ", expected);
  check::isFloat(op, what, x);
}

/// Parameters and running statistics have the type of x, or float32 beside a half x: there they keep their digits.
void parameterType(check::Name op, check::Name what, const TensorDesc& parameter, const TensorDesc& x) {
  if (parameter.dtype != accumulationType(x.dtype)) check::sameType(op, what, parameter, "x", x);
}

/// Optional [shape] tensors of one type that come both or not at all.
void checkPair(check::Name op, const TensorDesc& x, check::Name firstName, const TensorDesc& first,
               check::Name secondName, const TensorDesc& second, const Dims& shape, check::Name expected) {
  if (first.defined != second.defined) {
    fail(ErrorKind::value, op, ": only ", first.defined ? firstName : secondName, " was given, expected ", firstName,
         " and ", secondName, " or neither");
  }
  if (!first.defined) return;
  parameterType(op, firstName, first, x);
  check::shapeIs(op, firstName, first, shape, expected);
  check::sameType(op, secondName, second, firstName, first);
  check::shapeIs(op, secondName, second, shape, expected);
}

/// What all three backward ops share: dy like x, the weight, and the saved statistics.
Descs inferBackward(check::Name op, Inputs inputs, const Dims& weightShape, const Dims& statisticsShape) {
  const TensorDesc &dy = inputs[0], &x = inputs[1], &weight = inputs[2], &mean = inputs[3], &invStd = inputs[4];
  check::sameDesc(op, "dy", dy, "x", x);
  if (weight.defined) {
    parameterType(op, "weight", weight, x);
    check::shapeIs(op, "weight", weight, weightShape, "as in the forward pass");
  }
  if (mean.dtype != accumulationType(x.dtype))
    fail(ErrorKind::dtype, op, ": mean is ", toString(mean), ", expected ", accumulationType(x.dtype));
  check::shapeIs(op, "mean", mean, statisticsShape, "as the forward pass made it");
  check::sameDesc(op, "invStd", invStd, "mean", mean);
  const TensorDesc dw = check::checkedShape(op, weight.defined ? weight.dtype : accumulationType(x.dtype), weightShape);
  return {check::checkedShape(op, x.dtype, x.shape), dw, dw};
}

/// [N, groups], after a look at the channels.
Dims groupShape(check::Name op, const TensorDesc& x, Index groups) {
  atLeastChannels(op, "x", x, 2, "[N, C, …]");
  check::inRange(op, "groups", groups, 1, check::maxInt32);
  if (x.shape[1] == 0 || x.shape[1] % groups != 0) {
    fail(ErrorKind::shape, op, ": x is ", toString(x), " with ", x.shape[1],
         " channels, expected a multiple of groups=", groups);
  }
  return {x.shape[0], groups};
}

/// Shape of the other dimensions than the last `axes`.
Dims outerShape(check::Name op, const TensorDesc& x, Index axes) {
  atLeastChannels(op, "x", x, 1, "at least one dimension");
  check::inRange(op, "axes", axes, 1, x.rank());
  return x.shape.slice(0, x.rank() - static_cast<int>(axes));
}

template <class Op>
void checkResponse(const Op& norm, const TensorDesc& x) {
  atLeastChannels(Op::name, "x", x, 3, "[N, C, spatial…]");
  check::inRange(Op::name, "size", norm.size, 1, check::maxInt32);
  check::isFinite(Op::name, "alpha", norm.alpha);
  check::isFinite(Op::name, "beta", norm.beta);
  check::isFinite(Op::name, "k", norm.k);
}

}  // namespace

Descs infer(const BatchNorm& norm, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = BatchNorm::name;
  atLeastChannels(op, "x", x, 2, "[N, C, …]");
  const Dims channels = {x.shape[1]};
  checkPair(op, x, "weight", inputs[1], "bias", inputs[2], channels, "one number a channel of x");
  checkPair(op, x, "runningMean", inputs[3], "runningVar", inputs[4], channels, "one number a channel of x");
  check::atLeast(op, "eps", norm.eps, 0);
  if (norm.training) {
    if (!(norm.momentum >= 0 && norm.momentum <= 1))
      fail(ErrorKind::value, op, ": momentum is ", norm.momentum, ", expected 0 to 1");
    if (x.shape[0] * x.shape.slice(2).product() == 1) {
      fail(ErrorKind::value, op, ": x is ", toString(x),
           ", expected more than 1 value per channel when training (a batch of one sample? a loader's dropLast leaves "
           "out a last batch that is not full)");
    }
  } else if (!inputs[3].defined) {
    fail(ErrorKind::value, op, ": runningMean and runningVar are missing, expected both when not training");
  }
  const TensorDesc statistics = check::checkedShape(op, accumulationType(x.dtype), channels);
  return {check::checkedShape(op, x.dtype, x.shape), statistics, statistics};
}

Descs infer(const BatchNormBackward&, Inputs inputs) {
  const check::Name op = BatchNormBackward::name;
  atLeastChannels(op, "x", inputs[1], 2, "[N, C, …]");
  const Dims channels = {inputs[1].shape[1]};
  return inferBackward(op, inputs, channels, channels);
}

Descs infer(const GroupNorm& norm, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = GroupNorm::name;
  const TensorDesc statistics = check::checkedShape(op, accumulationType(x.dtype), groupShape(op, x, norm.groups));
  checkPair(op, x, "weight", inputs[1], "bias", inputs[2], {x.shape[1]}, "one number a channel of x");
  check::atLeast(op, "eps", norm.eps, 0);
  if (x.shape[0] == 1 && x.shape[1] == norm.groups && x.shape.slice(2).product() == 1) {
    fail(ErrorKind::value, op, ": x is ", toString(x), " with groups=", norm.groups,
         ", expected more than 1 value per group");
  }
  return {check::checkedShape(op, x.dtype, x.shape), statistics, statistics};
}

Descs infer(const GroupNormBackward& norm, Inputs inputs) {
  const TensorDesc& x = inputs[1];
  const Dims statistics = groupShape(GroupNormBackward::name, x, norm.groups);
  return inferBackward(GroupNormBackward::name, inputs, {x.shape[1]}, statistics);
}

Descs infer(const LayerNorm& norm, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = LayerNorm::name;
  const Dims outer = outerShape(op, x, norm.axes);
  checkPair(op, x, "weight", inputs[1], "bias", inputs[2], x.shape.slice(outer.size()), "the normalised shape");
  check::atLeast(op, "eps", norm.eps, 0);
  const TensorDesc statistics = check::checkedShape(op, accumulationType(x.dtype), outer);
  return {check::checkedShape(op, x.dtype, x.shape), statistics, statistics};
}

Descs infer(const LayerNormBackward& norm, Inputs inputs) {
  const TensorDesc& x = inputs[1];
  const Dims outer = outerShape(LayerNormBackward::name, x, norm.axes);
  return inferBackward(LayerNormBackward::name, inputs, x.shape.slice(outer.size()), outer);
}

Descs infer(const LocalResponseNorm& norm, Inputs inputs) {
  checkResponse(norm, inputs[0]);
  return {check::checkedShape(LocalResponseNorm::name, inputs[0].dtype, inputs[0].shape)};
}

Descs infer(const LocalResponseNormBackward& norm, Inputs inputs) {
  checkResponse(norm, inputs[1]);
  check::sameDesc(LocalResponseNormBackward::name, "dy", inputs[0], "x", inputs[1]);
  return {check::checkedShape(LocalResponseNormBackward::name, inputs[1].dtype, inputs[1].shape)};
}

}  // namespace cnn

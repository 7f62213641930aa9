// The shape rules of convolution and its two gradients.
#include "check.hpp"

namespace cnn {

namespace {

constexpr check::Names convNames = {"conv", "conv1d", "conv2d", "conv3d"};
// The gradient for x is what users call a transposed convolution; no other call of it can fail.
constexpr check::Names transposeNames = {"convTranspose", "convTranspose1d", "convTranspose2d", "convTranspose3d"};
constexpr check::Names backwardNames = {"convBackwardWeight", "conv1dBackwardWeight", "conv2dBackwardWeight",
                                        "conv3dBackwardWeight"};

/// Number of spatial dimensions, after a look at all parameters.
template <class AnyConv>
int checkParameters(check::Name op, const AnyConv& conv) {
  const int spatial = conv.stride.size();
  if (spatial < 1 || spatial > 3) fail(ErrorKind::shape, op, ": stride is ", conv.stride, ", expected 1 to 3 entries");
  check::entries(op, "stride", conv.stride, spatial, 1);
  check::entries(op, "padding", conv.padding, spatial, 0);
  check::entries(op, "paddingEnd", conv.paddingEnd, spatial, 0);
  check::entries(op, "dilation", conv.dilation, spatial, 1);
  check::inRange(op, "groups", conv.groups, 1, check::maxInt32);
  return spatial;
}

void checkWeight(check::Name op, const TensorDesc& x, const TensorDesc& weight, Index groups) {
  check::rankIs(op, "weight", weight, x.rank(),
                x.rank() == 3   ? "[O, C/groups, kL]"
                : x.rank() == 4 ? "[O, C/groups, kH, kW]"
                                : "[O, C/groups, kD, kH, kW]");
  check::sameType(op, "weight", weight, "x", x);
  if (weight.shape.contains(0))
    fail(ErrorKind::shape, op, ": weight is ", toString(weight), ", expected no empty dimension");
  check::entries(op, "kernel size of weight", weight.shape.slice(2), x.rank() - 2, 1);
  if (weight.shape[0] % groups != 0) {
    fail(ErrorKind::shape, op, ": weight is ", toString(weight), " with ", weight.shape[0],
         " filters, expected a multiple of groups=", groups);
  }
}

void checkBias(check::Name op, const TensorDesc& bias, const TensorDesc& x, Index channels, check::Name expected) {
  if (!bias.defined) return;
  check::sameType(op, "bias", bias, "x", x);
  check::shapeIs(op, "bias", bias, {channels}, expected);
}

/// Spatial sizes that a convolution of `input` gives; `what` (the tensor of size `input`) is at fault where the kernel
/// does not fit.
template <class AnyConv>
Dims outputSizes(check::Name op, const AnyConv& conv, const Dims& kernel, const Dims& input, check::Name what) {
  Dims sizes;
  for (int i = 0; i < input.size(); i++) {
    const Index padded = input[i] + conv.padding[i] + conv.paddingEnd[i];
    const Index reach = conv.dilation[i] * (kernel[i] - 1) + 1;
    if (reach > padded) {
      fail(ErrorKind::shape, op, ": ", what, " has spatial size ", input, ", in which a kernel of size ", kernel,
           " with dilation ", conv.dilation, " does not fit with padding ", conv.padding, " (", reach, " > ", padded,
           " in spatial dimension ", i, ")");
    }
    sizes.push((padded - reach) / conv.stride[i] + 1);
  }
  return sizes;
}

// Where the last dimension of x has the channels that the weight wants: a word for who gives channels last, as
// TensorFlow does.
std::string channelsLastHint(const TensorDesc& x, Index channels) {
  if (x.shape[x.rank() - 1] != channels) return {};
  Dims order{0, x.rank() - 1};
  for (int axis = 1; axis < x.rank() - 1; axis++) order.push(axis);
  return text("; if x has its channels last, turn it by permute(", order, ")");
}

}  // namespace

Descs infer(const Conv& conv, Inputs inputs) {
  const TensorDesc &x = inputs[0], &weight = inputs[1], &bias = inputs[2];
  const check::Name op = check::named(convNames, conv.stride.size());
  const int spatial = checkParameters(op, conv);
  check::planes(op, "x", x, spatial);
  checkWeight(op, x, weight, conv.groups);
  if (weight.shape[1] > x.shape[1] || weight.shape[1] * conv.groups != x.shape[1]) {
    fail(ErrorKind::shape, op, ": x is ", toString(x), " with ", x.shape[1], " channels, but weight ", toString(weight),
         " with groups=", conv.groups, " expects ", weight.shape[1] * conv.groups,
         channelsLastHint(x, weight.shape[1] * conv.groups));
  }
  checkBias(op, bias, x, weight.shape[0], "one number a filter of weight");
  const Dims sizes = outputSizes(op, conv, weight.shape.slice(2), x.shape.slice(2), "x");
  return {check::checkedShape(op, x.dtype, check::withSpatial({x.dtype, {x.shape[0], weight.shape[0]}}, sizes))};
}

Descs infer(const ConvBackwardData& conv, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &weight = inputs[1], &bias = inputs[2];
  const check::Name op = check::named(transposeNames, conv.stride.size());
  const int spatial = checkParameters(op, conv);
  check::planes(op, "x", dy, spatial);
  checkWeight(op, dy, weight, conv.groups);
  if (weight.shape[0] != dy.shape[1]) {
    fail(ErrorKind::shape, op, ": x is ", toString(dy), " with ", dy.shape[1], " channels, but weight ",
         toString(weight), " expects ", weight.shape[0], channelsLastHint(dy, weight.shape[0]));
  }
  const Index channels = weight.shape[1] * conv.groups;
  checkBias(op, bias, dy, channels, "one number an output channel");
  check::entries(op, "output size", conv.inputSize, spatial, 1);
  const Dims sizes = outputSizes(op, conv, weight.shape.slice(2), conv.inputSize, "the output");
  if (sizes != dy.shape.slice(2)) {
    fail(ErrorKind::shape, op, ": x is ", toString(dy), ", but an output of size ", conv.inputSize,
         " belongs to an x of size ", sizes, " with stride ", conv.stride,
         " (output padding must be smaller than stride)");
  }
  return {check::checkedShape(op, dy.dtype, check::withSpatial({dy.dtype, {dy.shape[0], channels}}, conv.inputSize))};
}

Descs infer(const ConvBackwardWeight& conv, Inputs inputs) {
  const TensorDesc &x = inputs[0], &dy = inputs[1];
  const check::Name op = check::named(backwardNames, conv.stride.size());
  const int spatial = checkParameters(op, conv);
  check::planes(op, "x", x, spatial);
  check::planes(op, "dy", dy, spatial);
  check::sameType(op, "dy", dy, "x", x);
  check::entries(op, "kernelSize", conv.kernelSize, spatial, 1);
  if (x.shape[0] != dy.shape[0]) {
    fail(ErrorKind::shape, op, ": x is ", toString(x), " and dy is ", toString(dy), ", expected batches of one size");
  }
  if (x.shape[1] % conv.groups != 0 || dy.shape[1] % conv.groups != 0) {
    fail(ErrorKind::shape, op, ": x is ", toString(x), " and dy is ", toString(dy),
         ", expected channels that are multiples of groups=", conv.groups);
  }
  const Dims sizes = outputSizes(op, conv, conv.kernelSize, x.shape.slice(2), "x");
  check::shapeIs(op, "dy", dy, check::withSpatial(dy, sizes), "what the convolution of x gives");
  Descs outputs = {check::checkedShape(
      op, x.dtype, check::withSpatial({x.dtype, {dy.shape[1], x.shape[1] / conv.groups}}, conv.kernelSize))};
  if (conv.bias) outputs.push_back(check::checkedShape(op, x.dtype, {dy.shape[1]}));
  return outputs;
}

}  // namespace cnn

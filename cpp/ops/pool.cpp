// The shape rules of pooling.
#include "check.hpp"

namespace cnn {

namespace {

constexpr check::Names maxPoolNames = {"maxPool", "maxPool1d", "maxPool2d", "maxPool3d"};
constexpr check::Names maxPoolBackwardNames = {"maxPoolBackward", "maxPool1dBackward", "maxPool2dBackward",
                                               "maxPool3dBackward"};
constexpr check::Names maxUnpoolNames = {"maxUnpool", "maxUnpool1d", "maxUnpool2d", "maxUnpool3d"};
constexpr check::Names avgPoolNames = {"avgPool", "avgPool1d", "avgPool2d", "avgPool3d"};
constexpr check::Names avgPoolBackwardNames = {"avgPoolBackward", "avgPool1dBackward", "avgPool2dBackward",
                                               "avgPool3dBackward"};
constexpr check::Names adaptiveAvgNames = {"adaptiveAvgPool", "adaptiveAvgPool1d", "adaptiveAvgPool2d",
                                           "adaptiveAvgPool3d"};
constexpr check::Names adaptiveAvgBackwardNames = {"adaptiveAvgPoolBackward", "adaptiveAvgPool1dBackward",
                                                   "adaptiveAvgPool2dBackward", "adaptiveAvgPool3dBackward"};
constexpr check::Names adaptiveMaxNames = {"adaptiveMaxPool", "adaptiveMaxPool1d", "adaptiveMaxPool2d",
                                           "adaptiveMaxPool3d"};

/// Number of spatial dimensions: entries of the parameter that sets it.
int spatialOf(check::Name op, check::Name what, const Dims& values) {
  if (values.size() < 1 || values.size() > 3)
    fail(ErrorKind::shape, op, ": ", what, " is ", values, ", expected 1 to 3 entries");
  check::entries(op, what, values, values.size(), 1);
  return values.size();
}

/// Number of spatial dimensions, after a look at the window's parameters.
template <class Pool>
int checkWindow(check::Name op, const Pool& pool, const Dims& dilation) {
  const int spatial = spatialOf(op, "kernelSize", pool.kernelSize);
  check::entries(op, "stride", pool.stride, spatial, 1);
  check::entries(op, "padding", pool.padding, spatial, 0);
  check::entries(op, "dilation", dilation, spatial, 1);
  for (int i = 0; i < spatial; i++) {
    const Index most = ((pool.kernelSize[i] - 1) * dilation[i] + 1) / 2;
    if (pool.padding[i] > most) {
      fail(ErrorKind::value, op, ": padding is ", pool.padding, " with kernelSize ", pool.kernelSize,
           ", expected at most half the kernel (", most, " in spatial dimension ", i, ")");
    }
  }
  return spatial;
}

/// Spatial sizes of the pooled tensor. In ceil mode a last window is added where elements are left over, but only if it
/// starts inside the input or the padding before it.
template <class Pool>
Dims pooledSizes(check::Name op, const Pool& pool, const Dims& dilation, const Dims& input) {
  Dims sizes;
  for (int i = 0; i < input.size(); i++) {
    const Index reach = (pool.kernelSize[i] - 1) * dilation[i] + 1;
    const Index room =
        input[i] + 2 * pool.padding[i] - reach;  // where the last whole window starts, from the padded start
    const Index stride = pool.stride[i];
    Index size = room < 0 ? 0 : room / stride + 1;
    if (pool.ceilMode) {
      const Index rounded = room + stride - 1;
      size = rounded < 0 ? 0 : rounded / stride + 1;
      if ((size - 1) * stride >= input[i] + pool.padding[i]) size--;
    }
    if (size < 1) {
      fail(ErrorKind::shape, op, ": x has spatial size ", input, ", in which a window of ", pool.kernelSize,
           " with dilation ", dilation, " does not fit with padding ", pool.padding);
    }
    sizes.push(size);
  }
  return sizes;
}

Dims ones(const Dims& like) { return Dims::filled(like.size(), 1); }

/// Positions within a plane are int32.
void checkPlane(check::Name op, const Dims& sizes) {
  Index elements = 1;
  for (Index size : sizes) {
    if (size != 0 && elements > check::maxInt32 / size) {
      fail(ErrorKind::shape, op, ": a plane has size ", sizes, ", expected at most ", check::maxInt32, " elements");
    }
    elements *= size;
  }
}

/// The two outputs of a maximum: values and int32 positions.
Descs valuesAndPositions(check::Name op, DType dtype, const Dims& shape) {
  return {check::checkedShape(op, dtype, shape), check::checkedShape(op, DType::int32, shape)};
}

}  // namespace

Descs infer(const MaxPool& pool, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = check::named(maxPoolNames, pool.kernelSize.size());
  check::planes(op, "x", x, checkWindow(op, pool, pool.dilation));
  checkPlane(op, x.shape.slice(2));
  return valuesAndPositions(op, x.dtype, check::withSpatial(x, pooledSizes(op, pool, pool.dilation, x.shape.slice(2))));
}

Descs infer(const MaxPoolBackward& pool, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &state = inputs[1];
  const check::Name op = check::named(maxPoolBackwardNames, pool.kernelSize.size());
  const int spatial = checkWindow(op, pool, pool.dilation);
  check::planes(op, "dy", dy, spatial);
  check::entries(op, "inputSize", pool.inputSize, spatial, 1);
  checkPlane(op, pool.inputSize);
  check::shapeIs(op, "dy", dy, check::withSpatial(dy, pooledSizes(op, pool, pool.dilation, pool.inputSize)),
                 "what pooling inputSize gives");
  if (pool.returnIndices) {  // else the state is what the backend made of it
    check::isInt32(op, "state", state);
    check::shapeIs(op, "state", state, dy.shape, "the shape of dy");
  }
  return {check::checkedShape(op, dy.dtype, check::withSpatial(dy, pool.inputSize))};
}

Descs infer(const MaxUnpool& unpool, Inputs inputs) {
  const TensorDesc &x = inputs[0], &indices = inputs[1];
  const check::Name op = check::named(maxUnpoolNames, unpool.outputSize.size());
  check::planes(op, "x", x, spatialOf(op, "outputSize", unpool.outputSize));
  check::isInt32(op, "indices", indices);
  check::shapeIs(op, "indices", indices, x.shape, "the shape of x");
  checkPlane(op, unpool.outputSize);
  return {check::checkedShape(op, x.dtype, check::withSpatial(x, unpool.outputSize))};
}

Descs infer(const PlaneGather&, Inputs inputs) {
  const TensorDesc &x = inputs[0], &indices = inputs[1];
  const check::Name op = PlaneGather::name;
  check::planes(op, "x", x, x.rank() - 2);
  check::isInt32(op, "indices", indices);
  check::rankIs(op, "indices", indices, x.rank(), "the rank of x");
  check::shapeIs(op, "indices", indices, check::withSpatial(x, indices.shape.slice(2)), "the batch and channels of x");
  return {check::checkedShape(op, x.dtype, indices.shape)};
}

Descs infer(const AvgPool& pool, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = check::named(avgPoolNames, pool.kernelSize.size());
  const Dims dilation = ones(pool.kernelSize);
  check::planes(op, "x", x, checkWindow(op, pool, dilation));
  check::inRange(op, "divisor", pool.divisor, 0, check::maxInt32);
  return {check::checkedShape(op, x.dtype, check::withSpatial(x, pooledSizes(op, pool, dilation, x.shape.slice(2))))};
}

Descs infer(const AvgPoolBackward& pool, Inputs inputs) {
  const TensorDesc& dy = inputs[0];
  const check::Name op = check::named(avgPoolBackwardNames, pool.kernelSize.size());
  const Dims dilation = ones(pool.kernelSize);
  const int spatial = checkWindow(op, pool, dilation);
  check::planes(op, "dy", dy, spatial);
  check::inRange(op, "divisor", pool.divisor, 0, check::maxInt32);
  check::entries(op, "inputSize", pool.inputSize, spatial, 1);
  check::shapeIs(op, "dy", dy, check::withSpatial(dy, pooledSizes(op, pool, dilation, pool.inputSize)),
                 "what pooling inputSize gives");
  return {check::checkedShape(op, dy.dtype, check::withSpatial(dy, pool.inputSize))};
}

Descs infer(const AdaptiveAvgPool& pool, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = check::named(adaptiveAvgNames, pool.outputSize.size());
  check::planes(op, "x", x, spatialOf(op, "outputSize", pool.outputSize));
  return {check::checkedShape(op, x.dtype, check::withSpatial(x, pool.outputSize))};
}

Descs infer(const AdaptiveAvgPoolBackward& pool, Inputs inputs) {
  const TensorDesc& dy = inputs[0];
  const check::Name op = check::named(adaptiveAvgBackwardNames, pool.inputSize.size());
  check::planes(op, "dy", dy, spatialOf(op, "inputSize", pool.inputSize));
  return {check::checkedShape(op, dy.dtype, check::withSpatial(dy, pool.inputSize))};
}

Descs infer(const AdaptiveMaxPool& pool, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = check::named(adaptiveMaxNames, pool.outputSize.size());
  check::planes(op, "x", x, spatialOf(op, "outputSize", pool.outputSize));
  checkPlane(op, x.shape.slice(2));
  return valuesAndPositions(op, x.dtype, check::withSpatial(x, pool.outputSize));
}

}  // namespace cnn

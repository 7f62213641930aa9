// The shape rules of ops that only move elements.
#include "check.hpp"

namespace cnn {

namespace {

/// The shape of x[starts : stops : steps].
Dims slicedShape(check::Name op, const Dims& starts, const Dims& stops, const Dims& steps, const Dims& shape) {
  const int rank = shape.size();
  if (starts.size() != rank || stops.size() != rank || steps.size() != rank) {
    fail(ErrorKind::shape, op, ": starts are ", starts, ", stops ", stops, " and steps ", steps,
         ", expected one of each for each of the ", rank, " dimensions of ", shape);
  }
  Dims result;
  for (int i = 0; i < rank; i++) {
    if (starts[i] < 0 || starts[i] > stops[i] || stops[i] > shape[i]) {
      fail(ErrorKind::shape, op, ": start is ", starts[i], " and stop ", stops[i], " in dimension ", i, " of ", shape,
           ", expected 0 ≤ start ≤ stop ≤ ", shape[i]);
    }
    if (steps[i] < 1) fail(ErrorKind::value, op, ": step is ", steps[i], " in dimension ", i, ", expected at least 1");
    const Index length = stops[i] - starts[i];
    result.push(length / steps[i] + (length % steps[i] != 0));
  }
  return result;
}

/// The shape after padding.
Dims paddedShape(check::Name op, const Dims& low, const Dims& high, PadMode mode, const Dims& shape) {
  const int rank = shape.size();
  if (low.size() != rank || high.size() != rank) {
    fail(ErrorKind::shape, op, ": pads are ", low, " before and ", high,
         " after, expected one of each for each of the ", rank, " dimensions of ", shape);
  }
  Dims result;
  for (int i = 0; i < rank; i++) {
    const Index size = shape[i];
    // Beyond this range the sum could overflow.
    if (std::max(low[i], high[i]) > check::maxBytes || std::min(low[i], high[i]) < -check::maxBytes) {
      fail(ErrorKind::shape, op, ": pads are ", low, " before and ", high, " after, expected at most ",
           check::maxBytes);
    }
    const Index padded = low[i] + size + high[i];
    if (mode == PadMode::constant) {
      // One side alone must not cut away more than there is, nor both together.
      if (padded < 0 || low[i] + size < 0 || high[i] + size < 0) {
        fail(ErrorKind::shape, op, ": pads are ", low, " before and ", high,
             " after, which cut more than there is from dimension ", i, " of ", shape);
      }
    } else {
      const Index most = mode == PadMode::reflect    ? std::max<Index>(size - 1, 0)
                         : mode == PadMode::circular ? size
                         : size == 0                 ? 0
                                                     : check::maxBytes;
      if (low[i] < 0 || high[i] < 0 || low[i] > most || high[i] > most) {
        fail(ErrorKind::shape, op, ": pads are ", low, " before and ", high, " after, expected 0 to ", most,
             " in dimension ", i, " of ", shape, " with mode ", enumName(mode));
      }
    }
    result.push(padded);
  }
  return result;
}

}  // namespace

Descs infer(const Reshape& reshape, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const TensorDesc y = check::checkedShape(Reshape::name, x.dtype, reshape.shape);
  if (y.elements() != x.elements()) {
    fail(ErrorKind::shape, Reshape::name, ": x is ", toString(x), " with ", x.elements(), " elements, but shape ",
         reshape.shape, " has ", y.elements());
  }
  return {y};
}

Descs infer(const Reorder&, Inputs inputs) { return {TensorDesc(inputs[0].dtype, inputs[0].shape)}; }

Descs infer(const Permute& permute, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const check::Name op = Permute::name;
  check::axes(op, "axes", permute.axes, x.rank());
  if (permute.axes.size() != x.rank()) {
    fail(ErrorKind::shape, op, ": axes are ", permute.axes, ", expected each of the ", x.rank(), " dimensions of ",
         toString(x), " once");
  }
  Dims shape;
  for (Index axis : permute.axes) shape.push(x.shape[static_cast<int>(axis)]);
  return {check::checkedShape(op, x.dtype, shape)};
}

Descs infer(const Expand& expand, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  const int added = expand.shape.size() - x.rank();
  bool fits = added >= 0;
  for (int i = 0; fits && i < x.rank(); i++) fits = x.shape[i] == 1 || x.shape[i] == expand.shape[i + added];
  if (!fits) {
    fail(ErrorKind::shape, Expand::name, ": x is ", toString(x), ", which does not broadcast to ", expand.shape,
         " (sizes must be equal or 1, counted from the last dimension)");
  }
  return {check::checkedShape(Expand::name, x.dtype, expand.shape)};
}

Descs infer(const Concat& concat, Inputs inputs) {
  const check::Name op = Concat::name;
  if (inputs.empty()) fail(ErrorKind::value, op, ": got no tensors, expected at least one");
  const TensorDesc& first = inputs[0];
  check::axis(op, "axis", concat.axis, first.rank());
  const int axis = static_cast<int>(concat.axis);
  Dims shape = first.shape;
  shape[axis] = 0;
  for (std::size_t i = 0; i < inputs.size(); i++) {
    const TensorDesc& x = inputs[i];
    Dims expected = first.shape;
    if (x.rank() == first.rank()) expected[axis] = x.shape[axis];
    if (x.shape != expected || x.dtype != first.dtype) {
      fail(x.dtype != first.dtype ? ErrorKind::dtype : ErrorKind::shape, op, ": tensor ", i, " is ", toString(x),
           ", but tensor 0 is ", toString(first), "; expected one type, and one shape except along axis ", axis);
    }
    // Each size is below 2^46: only a sum of many can overflow.
    shape[axis] = std::min(shape[axis] + x.shape[axis], Index{1} << 62);
  }
  return {check::checkedShape(op, first.dtype, shape)};
}

Descs infer(const Slice& slice, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  return {check::checkedShape(Slice::name, x.dtype,
                              slicedShape(Slice::name, slice.starts, slice.stops, slice.steps, x.shape))};
}

Descs infer(const SliceBackward& slice, Inputs inputs) {
  const TensorDesc& dy = inputs[0];
  const check::Name op = SliceBackward::name;
  const TensorDesc dx = check::checkedShape(op, dy.dtype, slice.inputShape);
  check::shapeIs(op, "dy", dy, slicedShape(op, slice.starts, slice.stops, slice.steps, slice.inputShape),
                 "the slice of inputShape");
  return {dx};
}

Descs infer(const Pad& pad, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  if (pad.mode == PadMode::constant) check::representable(Pad::name, "value", pad.value, x.dtype);
  return {check::checkedShape(Pad::name, x.dtype, paddedShape(Pad::name, pad.low, pad.high, pad.mode, x.shape))};
}

Descs infer(const PadBackward& pad, Inputs inputs) {
  const TensorDesc& dy = inputs[0];
  const check::Name op = PadBackward::name;
  check::isFloat(op, "dy", dy);
  const TensorDesc dx = check::checkedShape(op, dy.dtype, pad.inputShape);
  check::shapeIs(op, "dy", dy, paddedShape(op, pad.low, pad.high, pad.mode, pad.inputShape), "the padded inputShape");
  return {dx};
}

Descs infer(const Flip& flip, Inputs inputs) {
  check::axes(Flip::name, "axes", flip.axes, inputs[0].rank());
  return {check::checkedShape(Flip::name, inputs[0].dtype, inputs[0].shape)};
}

}  // namespace cnn

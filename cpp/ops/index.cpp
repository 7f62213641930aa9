// The shape rules of ops that read or write at positions.
#include "check.hpp"

namespace cnn {

namespace {

/// Indices have the rank of the whole tensor and are nowhere larger, except along `axis`.
void checkPositions(check::Name op, const TensorDesc& indices, const Dims& whole, int axis) {
  check::rankIs(op, "indices", indices, whole.size(), "the rank of the indexed tensor");
  for (int i = 0; i < whole.size(); i++) {
    if (i != axis && indices.shape[i] > whole[i]) {
      fail(ErrorKind::shape, op, ": indices are ", toString(indices), " for a tensor of shape ", whole,
           ", expected at most ", whole[i], " in dimension ", i);
    }
  }
}

}  // namespace

Descs infer(const OneHot& oneHot, Inputs inputs) {
  const TensorDesc& indices = inputs[0];
  check::isInt32(OneHot::name, "indices", indices);
  check::inRange(OneHot::name, "classes", oneHot.classes, 1, check::maxInt32);
  if (indices.rank() == maxRank) {
    fail(ErrorKind::shape, OneHot::name, ": indices are ", toString(indices), ", expected at most ", maxRank - 1,
         " dimensions");
  }
  Dims shape = indices.shape;
  shape.push(oneHot.classes);
  return {check::checkedShape(OneHot::name, DType::int32, shape)};
}

Descs infer(const Gather& gather, Inputs inputs) {
  const TensorDesc &x = inputs[0], &indices = inputs[1];
  check::isInt32(Gather::name, "indices", indices);
  check::axis(Gather::name, "axis", gather.axis, x.rank());
  checkPositions(Gather::name, indices, x.shape, static_cast<int>(gather.axis));
  return {check::checkedShape(Gather::name, x.dtype, indices.shape)};
}

Descs infer(const ScatterAdd& scatter, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &indices = inputs[1];
  const check::Name op = ScatterAdd::name;
  check::isNumber(op, "dy", dy);
  check::isInt32(op, "indices", indices);
  check::axis(op, "axis", scatter.axis, scatter.inputShape.size());
  checkPositions(op, indices, scatter.inputShape, static_cast<int>(scatter.axis));
  check::shapeIs(op, "dy", dy, indices.shape, "the shape of indices");
  return {check::checkedShape(op, dy.dtype, scatter.inputShape)};
}

Descs infer(const IndexSelect& select, Inputs inputs) {
  const TensorDesc &x = inputs[0], &indices = inputs[1];
  check::axis(IndexSelect::name, "axis", select.axis, x.rank());
  check::isInt32(IndexSelect::name, "indices", indices);
  check::rankIs(IndexSelect::name, "indices", indices, 1, "[K]");
  Dims shape = x.shape;
  shape[static_cast<int>(select.axis)] = indices.shape[0];
  return {check::checkedShape(IndexSelect::name, x.dtype, shape)};
}

Descs infer(const IndexAdd& add, Inputs inputs) {
  const TensorDesc &dy = inputs[0], &indices = inputs[1];
  const check::Name op = IndexAdd::name;
  check::isNumber(op, "dy", dy);
  check::axis(op, "axis", add.axis, dy.rank());
  check::isInt32(op, "indices", indices);
  check::shapeIs(op, "indices", indices, {dy.shape[static_cast<int>(add.axis)]}, "one index a slice of dy");
  Dims shape = dy.shape;
  shape[static_cast<int>(add.axis)] = add.size;
  return {check::checkedShape(op, dy.dtype, shape)};
}

}  // namespace cnn

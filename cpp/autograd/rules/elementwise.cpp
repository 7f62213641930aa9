// Gradients of elementwise ops; where an input was broadcast, its gradient is summed back to its shape.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

Tensors vjp(const Unary& op, const Context& c, Grads dy) {
  if (traitsOf(op.function).bend == Bend::steps) return one(fill(c, c.inputDesc(0), 0));
  if (op.function == UnaryFunction::affine) return one(op.alpha == 1 ? dy[0] : affine(c, dy[0], op.alpha));
  if (op.function == UnaryFunction::neg) return one(neg(c, dy[0]));
  Tensor v = traitsOf(op.function).derivative == Reads::y ? c.output(0) : c.input(0);
  return one(c.emit(UnaryBackward{.function = op.function, .alpha = op.alpha, .beta = op.beta}, {dy[0], v}));
}

namespace {

// None of dy where `self` loses, half of it where both are equal, else all of it (also beside a NaN, which spreads).
Tensor extremumGradient(const Context& c, BinaryFunction loses, const Tensor& dy, const Tensor& self,
                        const Tensor& other) {
  Tensor kept = c.emit(Where{}, {binary(c, BinaryFunction::eq, self, other), affine(c, dy, 0.5), dy});
  return c.emit(Where{}, {binary(c, loses, self, other), fill(c, TensorDesc(dy.dtype(), Dims()), 0), kept});
}

// b·a^(b−1), 0 where b = 0 (also at a = 0): of the slope, and of the product with a dy that may be infinite when it is
// differentiated again.
Tensor powBaseGradient(const Context& c, const Tensor& dy, const Tensor& a, const Tensor& b) {
  const Tensor zero = fill(c, TensorDesc(b.dtype(), Dims()), 0);
  const Tensor isZero = binary(c, BinaryFunction::eq, b, zero);
  const Tensor slope =
      c.emit(Where{}, {isZero, zero, mul(c, b, binary(c, BinaryFunction::pow, a, affine(c, b, 1, -1)))});
  return c.emit(Where{}, {isZero, zero, mul(c, dy, slope)});
}

// y·ln(a) for y = a^b, 0 where a = 0 and b ≥ 0.
Tensor powExponentGradient(const Context& c, const Tensor& dy, const Tensor& a, const Tensor& b, const Tensor& y) {
  Tensor zero = fill(c, TensorDesc(a.dtype(), Dims()), 0);
  Tensor slope = mul(c, y, unary(c, UnaryFunction::log, a));
  Tensor isFlat = binary(c, BinaryFunction::logicalAnd, binary(c, BinaryFunction::eq, a, zero),
                         binary(c, BinaryFunction::ge, b, zero));
  return mul(c, dy, c.emit(Where{}, {isFlat, zero, slope}));
}

}  // namespace

Tensors vjp(const Binary& op, const Context& c, Grads grads) {
  const Tensor& dy = grads[0];
  Tensor da, db;
  bool needsA = c.needs(0), needsB = c.needs(1);
  switch (op.function) {
    case BinaryFunction::add:
      if (needsA) da = dy;
      if (needsB) db = dy;
      break;
    case BinaryFunction::sub:
      if (needsA) da = dy;
      if (needsB) db = neg(c, sumTo(c, dy, c.inputDesc(1).shape));
      break;
    case BinaryFunction::mul:
      if (needsA) da = mul(c, dy, c.input(1));
      if (needsB) db = mul(c, dy, c.input(0));
      break;
    case BinaryFunction::div:  // y = a/b: 1/b, −y/b
      if (needsA) da = div(c, dy, c.input(1));
      if (needsB) db = neg(c, mul(c, dy, div(c, c.output(0), c.input(1))));
      break;
    case BinaryFunction::maximum:
      if (needsA) da = extremumGradient(c, BinaryFunction::lt, dy, c.input(0), c.input(1));
      if (needsB) db = extremumGradient(c, BinaryFunction::lt, dy, c.input(1), c.input(0));
      break;
    case BinaryFunction::minimum:
      if (needsA) da = extremumGradient(c, BinaryFunction::gt, dy, c.input(0), c.input(1));
      if (needsB) db = extremumGradient(c, BinaryFunction::gt, dy, c.input(1), c.input(0));
      break;
    case BinaryFunction::pow:
      if (needsA) da = powBaseGradient(c, dy, c.input(0), c.input(1));
      if (needsB) db = powExponentGradient(c, dy, c.input(0), c.input(1), c.output(0));
      break;
    default: break;  // comparisons have no gradient and are not recorded
  }
  return {da ? sumTo(c, da, c.inputDesc(0).shape) : Tensor(), db ? sumTo(c, db, c.inputDesc(1).shape) : Tensor()};
}

Tensors vjp(const Where&, const Context& c, Grads dy) {
  Tensors dx(3);
  Tensor condition = c.input(0), zero = fill(c, TensorDesc(dy[0].dtype(), Dims()), 0);
  if (c.needs(1)) dx[1] = sumTo(c, c.emit(Where{}, {condition, dy[0], zero}), c.inputDesc(1).shape);
  if (c.needs(2)) dx[2] = sumTo(c, c.emit(Where{}, {condition, zero, dy[0]}), c.inputDesc(2).shape);
  return dx;
}

Tensors vjp(const Cast&, const Context& c, Grads dy) { return one(cast(c, dy[0], c.inputDesc(0).dtype)); }

}  // namespace cnn

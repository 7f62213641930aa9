// Gradients of reductions: dy goes back to every element that was reduced, weighted by its part in the result.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

namespace {

Tensor expand(const Context& c, const Tensor& x, const Dims& shape) { return x.shape() == shape ? x : c.emit(Expand{.shape = shape}, {x}); }

// dy shared equally among the elements equal to the extremum (torch.amax).
Tensor sharedAmongTies(const Context& c, const Tensor& dy, const Tensor& x, const Tensor& y, const Dims& axes) {
  Tensor isExtremum = binary(c, BinaryFunction::eq, x, y);
  Tensor count = sum(c, cast(c, isExtremum, dy.dtype()), axes, true);
  return where(c, isExtremum, expand(c, div(c, dy, count), x.shape()));
}

// The product of all other elements: y/x where x ≠ 0. Where exactly one element is 0, its gradient is the product of the rest, and
// where several are, all gradients are 0. The product of the rest is the product with zeros replaced by ones.
Tensor productOfOthers(const Context& c, const Tensor& x, const Dims& axes) {
  Tensor zero = fill(c, TensorDesc(x.dtype(), Dims()), 0), unit = fill(c, TensorDesc(x.dtype(), Dims()), 1);
  Tensor isZero = binary(c, BinaryFunction::eq, x, zero);
  Tensor nonZero = c.emit(Where{}, {isZero, unit, x});
  Tensor rest = c.emit(Reduce{.function = ReduceFunction::prod, .axes = axes, .keepdim = true}, {nonZero});
  Tensor zeros = sum(c, cast(c, isZero, x.dtype()), axes, true);
  Tensor zerosElsewhere = binary(c, BinaryFunction::sub, zeros, cast(c, isZero, x.dtype()));
  return where(c, binary(c, BinaryFunction::eq, zerosElsewhere, zero), div(c, rest, nonZero));
}

}  // namespace

Tensors vjp(const Reduce& op, const Context& c, Grads grads) {
  const TensorDesc& x = c.inputDesc(0);
  Tensor dy = keepReduced(c, grads[0], x.shape, op.axes);
  switch (op.function) {
    case ReduceFunction::sum: return one(expand(c, dy, x.shape));
    case ReduceFunction::mean: {
      double count = static_cast<double>(x.elements()) / static_cast<double>(dy.desc().elements());
      return one(expand(c, affine(c, dy, 1 / count), x.shape));
    }
    case ReduceFunction::max:
    case ReduceFunction::min: return one(sharedAmongTies(c, dy, c.input(0), keepReduced(c, c.output(0), x.shape, op.axes), op.axes));
    case ReduceFunction::prod: return one(mul(c, dy, productOfOthers(c, c.input(0), op.axes)));
  }
  return one(Tensor());
}

}  // namespace cnn

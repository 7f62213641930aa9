// Gradients of reductions: dy goes back to every element that was reduced, weighted by its part in the result.
#include <limits>

#include "helpers.hpp"

namespace cnn {

using namespace rules;

namespace {

Tensor expand(const Context& c, const Tensor& x, const Dims& shape) {
  return x.shape() == shape ? x : c.emit(Expand{.shape = shape}, {x});
}

// dy shared equally among the elements equal to the extremum (torch.amax). A NaN equals nothing, so that all become
// NaN.
Tensor sharedAmongTies(const Context& c, const Tensor& dy, const Tensor& x, const Tensor& y, const Dims& axes) {
  Tensor isExtremum = cast(c, binary(c, BinaryFunction::eq, x, y), dy.dtype());
  return mul(c, isExtremum, div(c, dy, sum(c, isExtremum, axes, true)));
}

// x with the reduced axes first and as one: [reduced, kept…].
Tensor reducedFirst(const Context& c, const Tensor& x, const Dims& order, int reducedAxes) {
  const Tensor moved = c.emit(Permute{.axes = order}, {x});
  Dims shape = moved.shape().slice(reducedAxes);
  shape.insert(0, moved.shape().slice(0, reducedAxes).product());
  return reshape(c, moved, shape);
}

// Part of the first axis.
Tensor rows(const Context& c, const Tensor& x, Index from, Index to) {
  Slice part{.starts = Dims::filled(x.rank(), 0), .stops = x.shape(), .steps = Dims::filled(x.rank(), 1)};
  part.starts[0] = from;
  part.stops[0] = to;
  return c.emit(part, {x});
}

// dy times the product of all other elements along the first axis: dy [1, kept…], x [n, kept…]. The product is seen as
// a tree, halves times halves; dy goes down it, times the other half at each step. Nothing is divided, so zeros are as
// good as any number, to every order.
Tensor timesOthers(const Context& c, Tensor dy, const Tensor& x) {
  Tensors levels = {x};
  while (levels.back().size(0) > 1) {
    const Tensor& level = levels.back();
    const Index half = level.size(0) / 2;
    Tensor product = mul(c, rows(c, level, 0, half), rows(c, level, half, 2 * half));
    // an odd one out waits for the next level
    if (level.size(0) % 2 == 1) product = c.emit(Concat{.axis = 0}, {product, rows(c, level, 2 * half, 2 * half + 1)});
    levels.push_back(product);
  }
  for (levels.pop_back(); !levels.empty(); levels.pop_back()) {
    const Tensor& level = levels.back();
    const Index half = level.size(0) / 2;
    const Tensor both = rows(c, dy, 0, half);
    Tensors parts = {mul(c, both, rows(c, level, half, 2 * half)), mul(c, both, rows(c, level, 0, half))};
    if (level.size(0) % 2 == 1) parts.push_back(rows(c, dy, half, half + 1));
    dy = c.emitAll(Concat{.axis = 0}, std::span<const Tensor>(parts))[0];
  }
  return dy;
}

// dy [kept, with ones where reduced] times the product of all other elements of x.
Tensor productGradient(const Context& c, const Tensor& dy, const Tensor& x, const Dims& axes) {
  if (x.desc().elements() == 0) return fill(c, x.desc(), 0);
  Dims order, inverse = Dims::filled(x.rank(), 0);
  for (bool reduced : {true, false}) {
    for (int i = 0; i < x.rank(); i++) {
      if ((axes.empty() || axes.contains(i)) == reduced) order.push(i);
    }
  }
  for (int i = 0; i < x.rank(); i++) inverse[static_cast<int>(order[i])] = i;
  const int reducedAxes = axes.empty() ? x.rank() : axes.size();
  const Tensor dx = timesOthers(c, reducedFirst(c, dy, order, reducedAxes), reducedFirst(c, x, order, reducedAxes));
  Dims moved;
  for (Index axis : order) moved.push(x.size(static_cast<int>(axis)));
  return c.emit(Permute{.axes = inverse}, {reshape(c, dx, moved)});
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
    case ReduceFunction::min:
      return one(sharedAmongTies(c, dy, c.input(0), keepReduced(c, c.output(0), x.shape, op.axes), op.axes));
    case ReduceFunction::prod: return one(productGradient(c, dy, c.input(0), op.axes));
  }
  return one(Tensor());
}

// Of the variance 2/(n − correction)·(x − mean), of its root that over twice the root. The mean is an output, so that
// second derivatives go through it. Of all elements there is no formula without degrees of freedom; PyTorch's
// infinities are kept there.
Tensors vjp(const Variance& op, const Context& c, Grads grads) {
  const TensorDesc& x = c.inputDesc(0);
  Tensor dx;
  double count = 1;
  for (int i = 0; i < x.rank(); i++) {
    if (op.axes.empty() || op.axes.contains(i)) count *= static_cast<double>(x.shape[i]);
  }
  if (grads[0]) {
    Tensor dy = grads[0];
    const Tensor zero = fill(c, TensorDesc(x.dtype, Dims()), 0), mean = c.output(1);
    if (op.root) {
      const Tensor y = c.output(0);
      dy = c.emit(Where{}, {binary(c, BinaryFunction::eq, y, zero), zero, div(c, affine(c, dy, 0.5), y)});
    }
    dy = keepReduced(c, dy, x.shape, op.axes);
    const double freedom = count - op.correction;
    if (op.axes.empty() && freedom <= 0) {
      using Limits = std::numeric_limits<double>;
      const TensorDesc scalar(x.dtype, Dims());
      const Tensor isMean = binary(c, BinaryFunction::eq, c.input(0), mean);
      dx = mul(c, dy,
               c.emit(Where{}, {isMean, fill(c, scalar, Limits::quiet_NaN()), fill(c, scalar, Limits::infinity())}));
    } else {
      dx = mul(c, affine(c, dy, 2 / freedom), binary(c, BinaryFunction::sub, c.input(0), mean));
    }
  }
  if (grads[1]) {
    const Tensor shared = expand(c, affine(c, grads[1], 1 / count), x.shape);
    dx = dx ? add(c, dx, shared) : shared;
  }
  return one(dx);
}

}  // namespace cnn

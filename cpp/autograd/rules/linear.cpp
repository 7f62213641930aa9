// Gradients of matrix products are matrix products.
#include "helpers.hpp"

namespace cnn {

using namespace rules;

namespace {

Tensor matmul(const Context& c, const Tensor& a, const Tensor& b, bool transposeA = false, bool transposeB = false) {
  return c.emit(MatMul{.transposeA = transposeA, .transposeB = transposeB}, {a, b});
}

// All leading dimensions as one: [..., K] → [rows, K].
Tensor rows(const Context& c, const Tensor& x) {
  return reshape(c, x, {x.shape().slice(0, x.rank() - 1).product(), x.shape().back()});
}

}  // namespace

Tensors vjp(const Linear&, const Context& c, Grads dy) {
  Tensors dx(3);
  if (c.needs(0)) dx[0] = reshape(c, matmul(c, rows(c, dy[0]), c.input(1)), c.inputDesc(0).shape);
  if (c.needs(1)) {
    Tensors gradients = c.emitAll(LinearBackwardWeight{.bias = c.needs(2)}, {c.input(0), dy[0]});
    dx[1] = gradients[0];
    if (c.needs(2)) dx[2] = gradients[1];
  } else if (c.needs(2)) {
    dx[2] = sum(c, rows(c, dy[0]), {0}, false);
  }
  return dx;
}

// dw = Σ dyᵀ·x and db = Σ dy over all rows.
Tensors vjp(const LinearBackwardWeight& op, const Context& c, Grads ddw) {
  Tensors result(2);
  if (ddw[0]) {
    if (c.needs(0)) result[0] = reshape(c, matmul(c, rows(c, c.input(1)), ddw[0]), c.inputDesc(0).shape);
    if (c.needs(1)) result[1] = reshape(c, matmul(c, rows(c, c.input(0)), ddw[0], false, true), c.inputDesc(1).shape);
  }
  if (op.bias && ddw[1] && c.needs(1)) {
    Tensor fromBias = c.emit(Expand{.shape = c.inputDesc(1).shape}, {ddw[1]});
    result[1] = result[1] ? add(c, result[1], fromBias) : fromBias;
  }
  return result;
}

// With A and B as they enter the product (after transposing): dA = dy·Bᵀ, dB = Aᵀ·dy; a transposed input gets the
// transpose of that.
Tensors vjp(const MatMul& op, const Context& c, Grads dy) {
  Tensors dx(2);
  if (c.needs(0)) {
    Tensor b = c.input(1);
    Tensor da = op.transposeA ? matmul(c, b, dy[0], op.transposeB, true) : matmul(c, dy[0], b, false, !op.transposeB);
    dx[0] = sumTo(c, da, c.inputDesc(0).shape);
  }
  if (c.needs(1)) {
    Tensor a = c.input(0);
    Tensor db = op.transposeB ? matmul(c, dy[0], a, true, op.transposeA) : matmul(c, a, dy[0], !op.transposeA, false);
    dx[1] = sumTo(c, db, c.inputDesc(1).shape);
  }
  return dx;
}

}  // namespace cnn

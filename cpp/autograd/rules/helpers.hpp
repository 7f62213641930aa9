// Short forms for the ops that gradient rules are written with.
#pragma once

#include "rules.hpp"

namespace cnn::rules {

using Context = VjpContext;

inline Tensor unary(const Context& c, UnaryFunction f, const Tensor& x, double alpha = 0, double beta = 0) {
  return c.emit(Unary{.function = f, .alpha = alpha, .beta = beta}, {x});
}
/// alpha·x + beta
inline Tensor affine(const Context& c, const Tensor& x, double alpha, double beta = 0) {
  return unary(c, UnaryFunction::affine, x, alpha, beta);
}
inline Tensor binary(const Context& c, BinaryFunction f, const Tensor& a, const Tensor& b) {
  return c.emit(Binary{.function = f}, {a, b});
}
inline Tensor add(const Context& c, const Tensor& a, const Tensor& b) { return binary(c, BinaryFunction::add, a, b); }
inline Tensor mul(const Context& c, const Tensor& a, const Tensor& b) { return binary(c, BinaryFunction::mul, a, b); }
inline Tensor div(const Context& c, const Tensor& a, const Tensor& b) { return binary(c, BinaryFunction::div, a, b); }
inline Tensor neg(const Context& c, const Tensor& x) { return unary(c, UnaryFunction::neg, x); }
inline Tensor cast(const Context& c, const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : c.emit(Cast{.dtype = dtype}, {x});
}
inline Tensor fill(const Context& c, const TensorDesc& like, double value) {
  return c.emit(Fill{.shape = like.shape, .dtype = like.dtype, .value = value}, {});
}
inline Tensor reshape(const Context& c, const Tensor& x, const Dims& shape) {
  return x.shape() == shape ? x : c.emit(Reshape{.shape = shape}, {x});
}
inline Tensor sum(const Context& c, const Tensor& x, const Dims& axes, bool keepdim) {
  return c.emit(Reduce{.function = ReduceFunction::sum, .axes = axes, .keepdim = keepdim}, {x});
}

/// Where `condition` (bool) holds, a, else 0.
inline Tensor where(const Context& c, const Tensor& condition, const Tensor& a) {
  return c.emit(Where{}, {condition, a, fill(c, TensorDesc(a.dtype(), Dims()), 0)});
}

/// The gradient of a broadcast: dy summed back to `shape`.
inline Tensor sumTo(const Context& c, const Tensor& dy, const Dims& shape) {
  if (dy.shape() == shape) return dy;
  int lead = dy.rank() - shape.size();
  Dims axes;
  for (int i = 0; i < dy.rank(); i++) {
    if (i < lead || (shape[i - lead] == 1 && dy.size(i) != 1)) axes.push(i);
  }
  return reshape(c, axes.empty() ? dy : sum(c, dy, axes, true), shape);
}

/// `x`, which was reduced over `axes` without `keepdim`, with those axes back as ones, so that it broadcasts against
/// `full`.
inline Tensor keepReduced(const Context& c, const Tensor& x, const Dims& full, const Dims& axes) {
  Dims shape = full;
  for (int i = 0; i < shape.size(); i++) {
    if (axes.empty() || axes.contains(i)) shape[i] = 1;
  }
  return reshape(c, x, shape);
}

/// Gradients of an op with one input.
inline Tensors one(Tensor dx) { return {std::move(dx)}; }

}  // namespace cnn::rules

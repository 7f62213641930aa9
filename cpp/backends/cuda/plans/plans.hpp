// The graph of each op: what the backend asks of cuDNN. The same functions serve a device that is present and, in the
// tests, one that is only described. Activations, weights and their gradients lie channels-last; what is [C] is plain.
#pragma once

#include "backends/cuda/graph/plan.hpp"
#include "ops/op.hpp"

namespace cnn::cuda::plans {

/// What may follow a convolution in the same kernel: y = f(scale·conv(x, weight) + bias + residual).
/// A batch norm with known statistics is a scale and a bias.
struct Epilogue {
  bool hasScale = false, hasBias = false, hasResidual = false;  // scale, bias [O]; residual like y
  std::optional<Unary> activation;
};

/// Only what is as fast as the convolution alone. Pointers: x, weight, scale?, bias?, residual?, y.
graph::Planned conv(const Conv& op, const TensorDesc& x, const TensorDesc& weight, const TensorDesc& y,
                    const Epilogue& epilogue, const graph::Target& target);
/// Without the bias of a transposed convolution, for which cuDNN compiles dozens of engines. Pointers: dy, weight, dx.
graph::Planned convBackwardData(const ConvBackwardData& op, const TensorDesc& dy, const TensorDesc& weight,
                                const TensorDesc& dx, const graph::Target& target);
/// Pointers: x, dy, dw.
graph::Planned convBackwardWeight(const ConvBackwardWeight& op, const TensorDesc& x, const TensorDesc& dy,
                                  const TensorDesc& dw, const graph::Target& target);

/// Pointers: x, y, state (one byte an element of y).
graph::Planned maxPool(const MaxPool& op, const TensorDesc& x, const TensorDesc& y, const graph::Target& target);
/// Pointers: dy, state, dx.
graph::Planned maxPoolBackward(const MaxPoolBackward& op, const TensorDesc& dy, const TensorDesc& dx,
                               const graph::Target& target);
/// Pointers: x, y.
graph::Planned avgPool(const AvgPool& op, const TensorDesc& x, const TensorDesc& y, const graph::Target& target);
/// Pointers: dy, dx.
graph::Planned avgPoolBackward(const AvgPoolBackward& op, const TensorDesc& dy, const TensorDesc& dx,
                               const graph::Target& target);

/// In training. Pointers: x, scale, bias, epsilon (host), with running statistics running mean, running variance, new
/// running mean, new running variance, momentum (host), then mean, invStd, y. The new running statistics may be the old
/// ones' memory.
graph::Planned batchNorm(const TensorDesc& x, bool hasRunningStatistics, const graph::Target& target);
/// Of a training step. Pointers: dy, x, scale, mean, invStd, dx, dscale, dbias.
graph::Planned batchNormBackward(const TensorDesc& x, const graph::Target& target);

}  // namespace cnn::cuda::plans

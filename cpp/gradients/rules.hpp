// rules: the gradient rule of each differentiable op. A rule receives dy (one an output; undefined where no gradient came)
// and returns one tensor an input, undefined where none is wanted or none flows. It is written with ops, so it also
// runs on every device, traces, and differentiates again.
#pragma once

#include "core/tape.hpp"

namespace cnn {

using Grads = std::span<const Tensor>;

Tensors vjp(const Conv&, const VjpContext&, Grads dy);
Tensors vjp(const ConvBackwardData&, const VjpContext&, Grads dy);
Tensors vjp(const ConvBackwardWeight&, const VjpContext&, Grads dy);
Tensors vjp(const MaxPool&, const VjpContext&, Grads dy);
Tensors vjp(const MaxPoolBackward&, const VjpContext&, Grads dy);
Tensors vjp(const MaxUnpool&, const VjpContext&, Grads dy);
Tensors vjp(const PlaneGather&, const VjpContext&, Grads dy);
Tensors vjp(const AvgPool&, const VjpContext&, Grads dy);
Tensors vjp(const AvgPoolBackward&, const VjpContext&, Grads dy);
Tensors vjp(const AdaptiveAvgPool&, const VjpContext&, Grads dy);
Tensors vjp(const AdaptiveAvgPoolBackward&, const VjpContext&, Grads dy);
Tensors vjp(const AdaptiveMaxPool&, const VjpContext&, Grads dy);
Tensors vjp(const BatchNorm&, const VjpContext&, Grads dy);
Tensors vjp(const GroupNorm&, const VjpContext&, Grads dy);
Tensors vjp(const LayerNorm&, const VjpContext&, Grads dy);
Tensors vjp(const LocalResponseNorm&, const VjpContext&, Grads dy);
Tensors vjp(const Linear&, const VjpContext&, Grads dy);
Tensors vjp(const LinearBackwardWeight&, const VjpContext&, Grads dy);
Tensors vjp(const MatMul&, const VjpContext&, Grads dy);
Tensors vjp(const Unary&, const VjpContext&, Grads dy);
Tensors vjp(const UnaryBackward&, const VjpContext&, Grads dy);
Tensors vjp(const Binary&, const VjpContext&, Grads dy);
Tensors vjp(const Where&, const VjpContext&, Grads dy);
Tensors vjp(const Cast&, const VjpContext&, Grads dy);
Tensors vjp(const Reduce&, const VjpContext&, Grads dy);
Tensors vjp(const Variance&, const VjpContext&, Grads dy);
Tensors vjp(const Softmax&, const VjpContext&, Grads dy);
Tensors vjp(const SoftmaxBackward&, const VjpContext&, Grads dy);
Tensors vjp(const NllLoss&, const VjpContext&, Grads dy);
Tensors vjp(const NllLossBackward&, const VjpContext&, Grads dy);
Tensors vjp(const PairLoss&, const VjpContext&, Grads dy);
Tensors vjp(const PairLossBackward&, const VjpContext&, Grads dy);
Tensors vjp(const Reshape&, const VjpContext&, Grads dy);
Tensors vjp(const Permute&, const VjpContext&, Grads dy);
Tensors vjp(const Expand&, const VjpContext&, Grads dy);
Tensors vjp(const Concat&, const VjpContext&, Grads dy);
Tensors vjp(const Slice&, const VjpContext&, Grads dy);
Tensors vjp(const SliceBackward&, const VjpContext&, Grads dy);
Tensors vjp(const Pad&, const VjpContext&, Grads dy);
Tensors vjp(const PadBackward&, const VjpContext&, Grads dy);
Tensors vjp(const Flip&, const VjpContext&, Grads dy);
Tensors vjp(const Gather&, const VjpContext&, Grads dy);
Tensors vjp(const ScatterAdd&, const VjpContext&, Grads dy);
Tensors vjp(const IndexSelect&, const VjpContext&, Grads dy);
Tensors vjp(const IndexAdd&, const VjpContext&, Grads dy);
Tensors vjp(const Upsample&, const VjpContext&, Grads dy);
Tensors vjp(const UpsampleBackward&, const VjpContext&, Grads dy);
Tensors vjp(const Dropout&, const VjpContext&, Grads dy);

}  // namespace cnn

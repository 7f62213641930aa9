// infer: the shape rule of each op. It is the one place where a user's wrong shapes and types are found, so its
// messages name the op, what came and what was expected. Optional inputs that were not given are undefined descs.
#pragma once

#include <span>

#include "op.hpp"

namespace cnn {

using Inputs = std::span<const TensorDesc>;

Descs infer(const Conv&, Inputs);
Descs infer(const ConvBackwardData&, Inputs);
Descs infer(const ConvBackwardWeight&, Inputs);
Descs infer(const ConvActivation&, Inputs);
Descs infer(const LinearActivation&, Inputs);
Descs infer(const BatchNormActivation&, Inputs);
Descs infer(const BatchNormActivationBackward&, Inputs);
Descs infer(const CrossEntropy&, Inputs);
Descs infer(const CrossEntropyBackward&, Inputs);
Descs infer(const ElementwiseChain&, Inputs);
Descs infer(const MaxPool&, Inputs);
Descs infer(const MaxPoolBackward&, Inputs);
Descs infer(const MaxUnpool&, Inputs);
Descs infer(const PlaneGather&, Inputs);
Descs infer(const AvgPool&, Inputs);
Descs infer(const AvgPoolBackward&, Inputs);
Descs infer(const AdaptiveAvgPool&, Inputs);
Descs infer(const AdaptiveAvgPoolBackward&, Inputs);
Descs infer(const AdaptiveMaxPool&, Inputs);
Descs infer(const BatchNorm&, Inputs);
Descs infer(const BatchNormBackward&, Inputs);
Descs infer(const GroupNorm&, Inputs);
Descs infer(const GroupNormBackward&, Inputs);
Descs infer(const LayerNorm&, Inputs);
Descs infer(const LayerNormBackward&, Inputs);
Descs infer(const LocalResponseNorm&, Inputs);
Descs infer(const LocalResponseNormBackward&, Inputs);
Descs infer(const Linear&, Inputs);
Descs infer(const LinearBackwardWeight&, Inputs);
Descs infer(const MatMul&, Inputs);
Descs infer(const Unary&, Inputs);
Descs infer(const UnaryBackward&, Inputs);
Descs infer(const Binary&, Inputs);
Descs infer(const Where&, Inputs);
Descs infer(const Cast&, Inputs);
Descs infer(const Reduce&, Inputs);
Descs infer(const Variance&, Inputs);
Descs infer(const ArgReduce&, Inputs);
Descs infer(const Softmax&, Inputs);
Descs infer(const SoftmaxBackward&, Inputs);
Descs infer(const NllLoss&, Inputs);
Descs infer(const NllLossBackward&, Inputs);
Descs infer(const PairLoss&, Inputs);
Descs infer(const PairLossBackward&, Inputs);
Descs infer(const Reshape&, Inputs);
Descs infer(const Permute&, Inputs);
Descs infer(const Expand&, Inputs);
Descs infer(const Concat&, Inputs);
Descs infer(const Slice&, Inputs);
Descs infer(const SliceBackward&, Inputs);
Descs infer(const Pad&, Inputs);
Descs infer(const PadBackward&, Inputs);
Descs infer(const Flip&, Inputs);
Descs infer(const OneHot&, Inputs);
Descs infer(const Gather&, Inputs);
Descs infer(const ScatterAdd&, Inputs);
Descs infer(const IndexSelect&, Inputs);
Descs infer(const IndexAdd&, Inputs);
Descs infer(const Upsample&, Inputs);
Descs infer(const UpsampleBackward&, Inputs);
Descs infer(const Fill&, Inputs);
Descs infer(const Uniform&, Inputs);
Descs infer(const Normal&, Inputs);
Descs infer(const Permutation&, Inputs);
Descs infer(const Dropout&, Inputs);
Descs infer(const Sgd&, Inputs);
Descs infer(const Adam&, Inputs);
Descs infer(const RmsProp&, Inputs);
Descs infer(const ClipGradNorm&, Inputs);
Descs infer(const ClipGradValue&, Inputs);
Descs infer(const Copy&, Inputs);

/// The descs of the outputs, in the plain layout. Checks first that the inputs are as many as the op's `inputs` says and that
/// only optional ones are absent.
Descs infer(const Op& op, Inputs inputs);

}  // namespace cnn

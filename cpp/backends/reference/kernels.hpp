// The reference backend: the definition of each op as plain loops, float32 and float64, plain layouts, one thread.
// It is the oracle of every test and depends on nothing.
#pragma once

#include "core/backend.hpp"

namespace cnn::reference {

KernelPtr prepare(const Conv&, const Signature&);
KernelPtr prepare(const ConvBackwardData&, const Signature&);
KernelPtr prepare(const ConvBackwardWeight&, const Signature&);
KernelPtr prepare(const MaxPool&, const Signature&);
KernelPtr prepare(const MaxPoolBackward&, const Signature&);
KernelPtr prepare(const MaxUnpool&, const Signature&);
KernelPtr prepare(const PlaneGather&, const Signature&);
KernelPtr prepare(const AvgPool&, const Signature&);
KernelPtr prepare(const AvgPoolBackward&, const Signature&);
KernelPtr prepare(const AdaptiveAvgPool&, const Signature&);
KernelPtr prepare(const AdaptiveAvgPoolBackward&, const Signature&);
KernelPtr prepare(const AdaptiveMaxPool&, const Signature&);
KernelPtr prepare(const BatchNorm&, const Signature&);
KernelPtr prepare(const BatchNormBackward&, const Signature&);
KernelPtr prepare(const GroupNorm&, const Signature&);
KernelPtr prepare(const GroupNormBackward&, const Signature&);
KernelPtr prepare(const LayerNorm&, const Signature&);
KernelPtr prepare(const LayerNormBackward&, const Signature&);
KernelPtr prepare(const LocalResponseNorm&, const Signature&);
KernelPtr prepare(const LocalResponseNormBackward&, const Signature&);
KernelPtr prepare(const Linear&, const Signature&);
KernelPtr prepare(const LinearBackwardWeight&, const Signature&);
KernelPtr prepare(const MatMul&, const Signature&);
KernelPtr prepare(const Unary&, const Signature&);
KernelPtr prepare(const UnaryBackward&, const Signature&);
KernelPtr prepare(const Binary&, const Signature&);
KernelPtr prepare(const Where&, const Signature&);
KernelPtr prepare(const Cast&, const Signature&);
KernelPtr prepare(const Reduce&, const Signature&);
KernelPtr prepare(const Variance&, const Signature&);
KernelPtr prepare(const ArgReduce&, const Signature&);
KernelPtr prepare(const Softmax&, const Signature&);
KernelPtr prepare(const SoftmaxBackward&, const Signature&);
KernelPtr prepare(const NllLoss&, const Signature&);
KernelPtr prepare(const NllLossBackward&, const Signature&);
KernelPtr prepare(const PairLoss&, const Signature&);
KernelPtr prepare(const PairLossBackward&, const Signature&);
KernelPtr prepare(const Reshape&, const Signature&);
KernelPtr prepare(const Permute&, const Signature&);
KernelPtr prepare(const Expand&, const Signature&);
KernelPtr prepare(const Concat&, const Signature&);
KernelPtr prepare(const Slice&, const Signature&);
KernelPtr prepare(const SliceBackward&, const Signature&);
KernelPtr prepare(const Pad&, const Signature&);
KernelPtr prepare(const PadBackward&, const Signature&);
KernelPtr prepare(const Flip&, const Signature&);
KernelPtr prepare(const OneHot&, const Signature&);
KernelPtr prepare(const Gather&, const Signature&);
KernelPtr prepare(const ScatterAdd&, const Signature&);
KernelPtr prepare(const IndexSelect&, const Signature&);
KernelPtr prepare(const IndexAdd&, const Signature&);
KernelPtr prepare(const Upsample&, const Signature&);
KernelPtr prepare(const UpsampleBackward&, const Signature&);
KernelPtr prepare(const Fill&, const Signature&);
KernelPtr prepare(const Uniform&, const Signature&);
KernelPtr prepare(const Normal&, const Signature&);
KernelPtr prepare(const Permutation&, const Signature&);
KernelPtr prepare(const Dropout&, const Signature&);
KernelPtr prepare(const Sgd&, const Signature&);
KernelPtr prepare(const Adam&, const Signature&);
KernelPtr prepare(const RmsProp&, const Signature&);
KernelPtr prepare(const ClipGradNorm&, const Signature&);
KernelPtr prepare(const ClipGradValue&, const Signature&);
KernelPtr prepare(const Copy&, const Signature&);
KernelPtr prepare(const ConvActivation&, const Signature&);
KernelPtr prepare(const LinearActivation&, const Signature&);
KernelPtr prepare(const BatchNormActivation&, const Signature&);
KernelPtr prepare(const BatchNormActivationBackward&, const Signature&);
KernelPtr prepare(const CrossEntropy&, const Signature&);
KernelPtr prepare(const CrossEntropyBackward&, const Signature&);
KernelPtr prepare(const ElementwiseChain&, const Signature&);

}  // namespace cnn::reference

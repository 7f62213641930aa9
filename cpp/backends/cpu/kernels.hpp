// The kernels of the cpu backend, by op: null where one declines, and what the backend's opener has for it takes over.
#pragma once

#include "core/backend.hpp"
#include "engine.hpp"

namespace cnn::cpu {

// conv.cpp: by oneDNN; conv_without_onednn.cpp: by own kernels.
KernelPtr prepare(const Conv&, const Signature&, Engine&);
KernelPtr prepare(const ConvActivation&, const Signature&, Engine&);
KernelPtr prepare(const ConvBackwardData&, const Signature&, Engine&);
KernelPtr prepare(const ConvBackwardWeight&, const Signature&, Engine&);
KernelPtr prepare(const MaxPool&, const Signature&, Engine&);
KernelPtr prepare(const MaxPoolBackward&, const Signature&, Engine&);
KernelPtr prepare(const AvgPool&, const Signature&, Engine&);
KernelPtr prepare(const AvgPoolBackward&, const Signature&, Engine&);
KernelPtr prepare(const AdaptiveAvgPool&, const Signature&, Engine&);
KernelPtr prepare(const AdaptiveAvgPoolBackward&, const Signature&, Engine&);
KernelPtr prepare(const Linear&, const Signature&, Engine&);
KernelPtr prepare(const LinearActivation&, const Signature&, Engine&);
KernelPtr prepare(const LinearBackwardWeight&, const Signature&, Engine&);
KernelPtr prepare(const MatMul&, const Signature&, Engine&);
KernelPtr prepare(const Unary&, const Signature&, Engine&);
KernelPtr prepare(const UnaryBackward&, const Signature&, Engine&);
KernelPtr prepare(const Binary&, const Signature&, Engine&);
KernelPtr prepare(const BatchNorm&, const Signature&, Engine&);
KernelPtr prepare(const BatchNormBackward&, const Signature&, Engine&);
KernelPtr prepare(const BatchNormActivation&, const Signature&, Engine&);
KernelPtr prepare(const BatchNormActivationBackward&, const Signature&, Engine&);
KernelPtr prepare(const GroupNorm&, const Signature&, Engine&);
KernelPtr prepare(const GroupNormBackward&, const Signature&, Engine&);
KernelPtr prepare(const LayerNorm&, const Signature&, Engine&);
KernelPtr prepare(const LayerNormBackward&, const Signature&, Engine&);
KernelPtr prepare(const LocalResponseNorm&, const Signature&, Engine&);
KernelPtr prepare(const LocalResponseNormBackward&, const Signature&, Engine&);
KernelPtr prepare(const Softmax&, const Signature&, Engine&);
KernelPtr prepare(const SoftmaxBackward&, const Signature&, Engine&);
KernelPtr prepare(const NllLoss&, const Signature&, Engine&);
KernelPtr prepare(const NllLossBackward&, const Signature&, Engine&);
KernelPtr prepare(const PairLoss&, const Signature&, Engine&);
KernelPtr prepare(const PairLossBackward&, const Signature&, Engine&);
KernelPtr prepare(const CrossEntropy&, const Signature&, Engine&);
KernelPtr prepare(const CrossEntropyBackward&, const Signature&, Engine&);
KernelPtr prepare(const Reduce&, const Signature&, Engine&);
KernelPtr prepare(const Variance&, const Signature&, Engine&);
KernelPtr prepare(const Sgd&, const Signature&, Engine&);
KernelPtr prepare(const Adam&, const Signature&, Engine&);
KernelPtr prepare(const RmsProp&, const Signature&, Engine&);
KernelPtr prepare(const ClipGradNorm&, const Signature&, Engine&);
KernelPtr prepare(const ClipGradValue&, const Signature&, Engine&);
KernelPtr prepare(const Copy&, const Signature&, Engine&);
KernelPtr prepare(const Fill&, const Signature&, Engine&);
KernelPtr prepare(const Uniform&, const Signature&, Engine&);
KernelPtr prepare(const Normal&, const Signature&, Engine&);
KernelPtr prepare(const Dropout&, const Signature&, Engine&);
KernelPtr prepare(const Concat&, const Signature&, Engine&);
KernelPtr prepare(const Slice&, const Signature&, Engine&);
KernelPtr prepare(const SliceBackward&, const Signature&, Engine&);
KernelPtr prepare(const Permute&, const Signature&, Engine&);
KernelPtr prepare(const Expand&, const Signature&, Engine&);
KernelPtr prepare(const Where&, const Signature&, Engine&);
KernelPtr prepare(const Cast&, const Signature&, Engine&);
KernelPtr prepare(const ElementwiseChain&, const Signature&, Engine&);

}  // namespace cnn::cpu

// The kernels of the cuda backend, by op: every op of the core has one here, or says why not.
#pragma once

#include "core/backend.hpp"
#include "engine.hpp"

namespace cnn::cuda {

// conv.cpp, pool.cpp, norm.cpp: cuDNN, with own kernels where it declines
Prepared prepare(const Conv&, const Signature&, Engine&);
Prepared prepare(const ConvBackwardData&, const Signature&, Engine&);
Prepared prepare(const ConvBackwardWeight&, const Signature&, Engine&);
Prepared prepare(const MaxPool&, const Signature&, Engine&);
Prepared prepare(const MaxPoolBackward&, const Signature&, Engine&);
Prepared prepare(const AvgPool&, const Signature&, Engine&);
Prepared prepare(const AvgPoolBackward&, const Signature&, Engine&);
Prepared prepare(const BatchNorm&, const Signature&, Engine&);
Prepared prepare(const BatchNormBackward&, const Signature&, Engine&);

// fused.cpp: cuDNN alone, for compiled functions; declined where it has no plan, and the ops stay apart
Prepared prepare(const ConvActivation&, const Signature&, Engine&);
// loss.cpp, in compiled functions alone
Prepared prepare(const CrossEntropy&, const Signature&, Engine&);
Prepared prepare(const CrossEntropyBackward&, const Signature&, Engine&);
// elementwise.cpp, in compiled functions alone
Prepared prepare(const ElementwiseChain&, const Signature&, Engine&);

// linear.cpp: cuBLASLt
Prepared prepare(const Linear&, const Signature&, Engine&);
Prepared prepare(const LinearBackwardWeight&, const Signature&, Engine&);
Prepared prepare(const MatMul&, const Signature&, Engine&);

// own kernels
Prepared prepare(const MaxUnpool&, const Signature&, Engine&);
Prepared prepare(const PlaneGather&, const Signature&, Engine&);
Prepared prepare(const AdaptiveAvgPool&, const Signature&, Engine&);
Prepared prepare(const AdaptiveAvgPoolBackward&, const Signature&, Engine&);
Prepared prepare(const AdaptiveMaxPool&, const Signature&, Engine&);
Prepared prepare(const GroupNorm&, const Signature&, Engine&);
Prepared prepare(const GroupNormBackward&, const Signature&, Engine&);
Prepared prepare(const LayerNorm&, const Signature&, Engine&);
Prepared prepare(const LayerNormBackward&, const Signature&, Engine&);
Prepared prepare(const LocalResponseNorm&, const Signature&, Engine&);
Prepared prepare(const LocalResponseNormBackward&, const Signature&, Engine&);
Prepared prepare(const Unary&, const Signature&, Engine&);
Prepared prepare(const UnaryBackward&, const Signature&, Engine&);
Prepared prepare(const Binary&, const Signature&, Engine&);
Prepared prepare(const Where&, const Signature&, Engine&);
Prepared prepare(const Cast&, const Signature&, Engine&);
Prepared prepare(const Reduce&, const Signature&, Engine&);
Prepared prepare(const Variance&, const Signature&, Engine&);
Prepared prepare(const ArgReduce&, const Signature&, Engine&);
Prepared prepare(const Softmax&, const Signature&, Engine&);
Prepared prepare(const SoftmaxBackward&, const Signature&, Engine&);
Prepared prepare(const NllLoss&, const Signature&, Engine&);
Prepared prepare(const NllLossBackward&, const Signature&, Engine&);
Prepared prepare(const PairLoss&, const Signature&, Engine&);
Prepared prepare(const PairLossBackward&, const Signature&, Engine&);
Prepared prepare(const Reshape&, const Signature&, Engine&);
Prepared prepare(const Permute&, const Signature&, Engine&);
Prepared prepare(const Expand&, const Signature&, Engine&);
Prepared prepare(const Concat&, const Signature&, Engine&);
Prepared prepare(const Slice&, const Signature&, Engine&);
Prepared prepare(const SliceBackward&, const Signature&, Engine&);
Prepared prepare(const Pad&, const Signature&, Engine&);
Prepared prepare(const PadBackward&, const Signature&, Engine&);
Prepared prepare(const Flip&, const Signature&, Engine&);
Prepared prepare(const OneHot&, const Signature&, Engine&);
Prepared prepare(const Gather&, const Signature&, Engine&);
Prepared prepare(const ScatterAdd&, const Signature&, Engine&);
Prepared prepare(const IndexSelect&, const Signature&, Engine&);
Prepared prepare(const IndexAdd&, const Signature&, Engine&);
Prepared prepare(const Upsample&, const Signature&, Engine&);
Prepared prepare(const UpsampleBackward&, const Signature&, Engine&);
Prepared prepare(const Fill&, const Signature&, Engine&);
Prepared prepare(const Uniform&, const Signature&, Engine&);
Prepared prepare(const Normal&, const Signature&, Engine&);
Prepared prepare(const Permutation&, const Signature&, Engine&);
Prepared prepare(const Dropout&, const Signature&, Engine&);
Prepared prepare(const Sgd&, const Signature&, Engine&);
Prepared prepare(const Adam&, const Signature&, Engine&);
Prepared prepare(const RmsProp&, const Signature&, Engine&);
Prepared prepare(const ClipGradNorm&, const Signature&, Engine&);
Prepared prepare(const ClipGradValue&, const Signature&, Engine&);
Prepared prepare(const Copy&, const Signature&, Engine&);

/// Between the two layouts, and copies.
KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to, Engine&);

}  // namespace cnn::cuda

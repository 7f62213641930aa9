// Stands in for the kernels that are not written yet: every op declines. The real functions replace these, which are weak.
#include "base/error.hpp"
#include "kernels.hpp"

namespace cnn::cuda {

#define STUB(Op) \
  __attribute__((weak)) Prepared prepare(const Op&, const Signature&, Engine&) { return {nullptr, "not written yet"}; }

STUB(Conv)
STUB(ConvBackwardData)
STUB(ConvBackwardWeight)
STUB(MaxPool)
STUB(MaxPoolBackward)
STUB(AvgPool)
STUB(AvgPoolBackward)
STUB(BatchNorm)
STUB(BatchNormBackward)
STUB(MaxUnpool)
STUB(PlaneGather)
STUB(AdaptiveAvgPool)
STUB(AdaptiveAvgPoolBackward)
STUB(AdaptiveMaxPool)
STUB(GroupNorm)
STUB(GroupNormBackward)
STUB(LayerNorm)
STUB(LayerNormBackward)
STUB(LocalResponseNorm)
STUB(LocalResponseNormBackward)
STUB(Unary)
STUB(UnaryBackward)
STUB(Binary)
STUB(Where)
STUB(Cast)
STUB(Reduce)
STUB(ArgReduce)
STUB(Softmax)
STUB(SoftmaxBackward)
STUB(NllLoss)
STUB(NllLossBackward)
STUB(Reshape)
STUB(Permute)
STUB(Expand)
STUB(Concat)
STUB(Slice)
STUB(SliceBackward)
STUB(Pad)
STUB(PadBackward)
STUB(Flip)
STUB(OneHot)
STUB(Gather)
STUB(ScatterAdd)
STUB(IndexSelect)
STUB(IndexAdd)
STUB(Upsample)
STUB(UpsampleBackward)
STUB(Fill)
STUB(Uniform)
STUB(Normal)
STUB(Permutation)
STUB(Dropout)
STUB(Sgd)
STUB(Adam)
STUB(RmsProp)
STUB(ClipGradNorm)
STUB(ClipGradValue)
STUB(Copy)

__attribute__((weak)) KernelPtr prepareReorder(const TensorDesc&, const TensorDesc&, Engine&) { return nullptr; }

__attribute__((weak)) void throwFault(const Fault& fault) {
  if (fault.kind != FaultKind::none) fail(ErrorKind::value, "a value is ", fault.value, ", expected 0 … ", fault.bound - 1);
}

}  // namespace cnn::cuda

// Op: the closed sum of all ops, from their one list. Adding one: its struct in a family header, its name here, then
// the functions that the list declares: `infer` (its shapes), `vjp` (its gradient, if it has a rule) and `prepare` of
// the reference backend (its definition).
#pragma once

#include <variant>

#include "chain.hpp"
#include "conv.hpp"
#include "elementwise.hpp"
#include "fused.hpp"
#include "index.hpp"
#include "linear.hpp"
#include "loss.hpp"
#include "norm.hpp"
#include "pool.hpp"
#include "random.hpp"
#include "reduce.hpp"
#include "resample.hpp"
#include "shape.hpp"
#include "update.hpp"

namespace cnn {

// clang-format off: every op, as X(Op)
#define CNN_OPS(X)                                                                                                   \
  X(Conv) X(ConvBackwardData) X(ConvBackwardWeight)                                                                  \
  X(MaxPool) X(MaxPoolBackward) X(MaxUnpool) X(PlaneGather)                                                          \
  X(AvgPool) X(AvgPoolBackward) X(AdaptiveAvgPool) X(AdaptiveAvgPoolBackward) X(AdaptiveMaxPool)                     \
  X(BatchNorm) X(BatchNormBackward) X(GroupNorm) X(GroupNormBackward)                                                \
  X(LayerNorm) X(LayerNormBackward) X(LocalResponseNorm) X(LocalResponseNormBackward)                                \
  X(Linear) X(LinearBackwardWeight) X(MatMul) X(Unary) X(UnaryBackward) X(Binary) X(Where) X(Cast)                   \
  X(Reduce) X(Variance) X(ArgReduce) X(Softmax) X(SoftmaxBackward)                                                   \
  X(NllLoss) X(NllLossBackward) X(PairLoss) X(PairLossBackward)                                                      \
  X(Reshape) X(Reorder) X(Permute) X(Expand) X(Concat) X(Slice) X(SliceBackward) X(Pad) X(PadBackward) X(Flip)       \
  X(OneHot) X(Gather) X(ScatterAdd) X(IndexSelect) X(IndexAdd) X(Upsample) X(UpsampleBackward) X(Fill)               \
  X(Uniform) X(Normal) X(Permutation) X(Dropout) X(Sgd) X(Adam) X(RmsProp) X(ClipGradNorm) X(ClipGradValue) X(Copy)  \
  X(ConvActivation) X(LinearActivation) X(BatchNormActivation) X(BatchNormActivationBackward)                        \
  X(CrossEntropy) X(CrossEntropyBackward) X(ElementwiseChain)
// clang-format on

namespace detail {
template <class None, class... O>
struct Listed {
  using type = std::variant<O...>;
};
#define CNN_OP(O) , O
using AllOps = Listed<void CNN_OPS(CNN_OP)>;  // each name comes with a comma before it, hence void
#undef CNN_OP
}  // namespace detail

using Op = detail::AllOps::type;

}  // namespace cnn

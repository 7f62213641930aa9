// Op: the closed sum of all ops. Adding one: its struct in a family header, its name here, then `infer`, `vjp`, `prepare` (reference).
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

using Op = std::variant<
    Conv, ConvBackwardData, ConvBackwardWeight,
    MaxPool, MaxPoolBackward, MaxUnpool, PlaneGather, AvgPool, AvgPoolBackward, AdaptiveAvgPool, AdaptiveAvgPoolBackward, AdaptiveMaxPool,
    BatchNorm, BatchNormBackward, GroupNorm, GroupNormBackward, LayerNorm, LayerNormBackward, LocalResponseNorm, LocalResponseNormBackward,
    Linear, LinearBackwardWeight, MatMul,
    Unary, UnaryBackward, Binary, Where, Cast,
    Reduce, Variance, ArgReduce,
    Softmax, SoftmaxBackward, NllLoss, NllLossBackward, PairLoss, PairLossBackward,
    Reshape, Permute, Expand, Concat, Slice, SliceBackward, Pad, PadBackward, Flip,
    OneHot, Gather, ScatterAdd, IndexSelect, IndexAdd,
    Upsample, UpsampleBackward,
    Fill, Uniform, Normal, Permutation, Dropout,
    Sgd, Adam, RmsProp, ClipGradNorm, ClipGradValue, Copy,
    ConvActivation, LinearActivation, BatchNormActivation, BatchNormActivationBackward, CrossEntropy, CrossEntropyBackward, ElementwiseChain>;

}  // namespace cnn

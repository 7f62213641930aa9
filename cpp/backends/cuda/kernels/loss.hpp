// Softmax, the negative log-likelihood, and both in one: cross-entropy of logits.
#pragma once

#include <cuda_runtime_api.h>

#include "backends/cuda/fault.hpp"
#include "base/desc.hpp"
#include "ops/loss.hpp"

namespace cnn::cuda {

// float32, float64, float16 and bfloat16 (the latter two compute in float32).

/// softmax or log-softmax along `size` of x [outer, size, inner].
void launchSoftmax(cudaStream_t, DType, bool log, Index outer, Index size, Index inner, const void* x, void* y);
void launchSoftmaxBackward(cudaStream_t, DType, bool log, Index outer, Index size, Index inner, const void* dy,
                           const void* y, void* dx);

/// logp [N, classes, …] with its strides in elements; position p of the target [N, …] is sample p / inner, place p %
/// inner.
struct NllView {
  Index positions, classes, inner;
  Index sampleStride, classStride, placeStride;
};

/// What counts in a loss.
struct NllRule {
  Reduction reduction;
  Index ignoreIndex;
};

/// loss: [positions] where the reduction is none, else a scalar. Sums are made in float64, in a fixed order.
std::size_t nllLossWorkspace(const NllView&);
void launchNllLoss(cudaStream_t, DType, const NllView&, NllRule, const void* logp, const std::int32_t* target,
                   const void* weight, void* loss, void* totalWeight, void* workspace, FaultSink);
/// dlogp is plain [N, classes, inner].
void launchNllLossBackward(cudaStream_t, DType, Index samples, Index classes, Index inner, NllRule, const void* dy,
                           const std::int32_t* target, const void* weight, const void* totalWeight, void* dlogp,
                           FaultSink);

/// Losses of pairs, element by element, and their gradients.
void launchPairLoss(cudaStream_t, DType, PairLossFunction, double beta, const void* x, const void* target, void* y,
                    Index count);
void launchPairLossBackward(cudaStream_t, DType, PairLossFunction, double beta, const void* dy, const void* x,
                            const void* target, void* dx, Index count);

/// nllLoss(logSoftmax(logits)) of logits [rows, classes] in one pass; logSums [rows] (float64 for float64, else
/// float32) is what the backward pass needs: log Σ e^logit of each row.
std::size_t crossEntropyWorkspace(Index rows, Index classes);
void launchCrossEntropy(cudaStream_t, DType, Index rows, Index classes, NllRule, const void* logits,
                        const std::int32_t* target, const void* weight, void* loss, void* totalWeight, void* logSums,
                        void* workspace, FaultSink);
/// dlogits = (softmax − one-hot) · weight · dy, over the total weight where the reduction is mean.
void launchCrossEntropyBackward(cudaStream_t, DType, Index rows, Index classes, NllRule, const void* dy,
                                const void* logits, const std::int32_t* target, const void* weight,
                                const void* totalWeight, const void* logSums, void* dlogits);

}  // namespace cnn::cuda

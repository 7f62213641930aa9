// Batch norm in any layout: statistics by Welford's method, merged in a fixed order.
#pragma once

#include <cuda_runtime_api.h>

#include "view.hpp"

namespace cnn::cuda {

// x, y, dx, dy: float32, float64, float16 or bfloat16. Everything a channel has (weight, bias, running statistics, mean, invStd,
// dw, db) is [C] of float64 for float64, else float32. weight and bias may be null.

/// Bytes for either of the two passes over a batch.
std::size_t batchNormWorkspace(DType, const ChannelView&);

/// Normalises with the batch's statistics. The running statistics (null: none) become (1 − momentum)·running + momentum·batch's,
/// with the unbiased variance; a batch of nothing leaves them alone.
void launchBatchNormTraining(cudaStream_t, DType, const ChannelView&, const void* x, const void* weight, const void* bias,
                             void* runningMean, void* runningVar, double momentum, double eps, void* y, void* mean, void* invStd,
                             void* workspace);

/// Normalises with the running statistics; mean and invStd are what was used.
void launchBatchNormInference(cudaStream_t, DType, const ChannelView&, const void* x, const void* weight, const void* bias,
                              const void* runningMean, const void* runningVar, double eps, void* y, void* mean, void* invStd);

/// dx, dw = Σ dy·x̂ and db = Σ dy. Unless `training`, the statistics are constants and nothing flows through them.
void launchBatchNormBackward(cudaStream_t, DType, const ChannelView&, bool training, const void* dy, const void* x, const void* weight,
                             const void* mean, const void* invStd, void* dx, void* dw, void* db, void* workspace);

}  // namespace cnn::cuda

// Normalisation: statistics by Welford's method, merged in a fixed order. Batch norm in any layout is for what cuDNN
// declines.
#pragma once

#include <cuda_runtime_api.h>

#include "view.hpp"

namespace cnn::cuda {

// x, y, dx, dy: float32, float64, float16 or bfloat16. Everything a channel has (weight, bias, running statistics,
// mean, invStd, dw, db) is [C] of float64 for float64, else float32. weight and bias may be null.

/// Bytes for either of the two passes over a batch.
std::size_t batchNormWorkspace(DType, const ChannelView&);

/// Normalises with the batch's statistics. The running statistics (null: none) become (1 − momentum)·running +
/// momentum·batch's, with the unbiased variance; a batch of nothing leaves them alone.
void launchBatchNormTraining(cudaStream_t, DType, const ChannelView&, const void* x, const void* weight,
                             const void* bias, void* runningMean, void* runningVar, double momentum, double eps,
                             void* y, void* mean, void* invStd, void* workspace);

/// Normalises with the running statistics; mean and invStd are what was used.
void launchBatchNormInference(cudaStream_t, DType, const ChannelView&, const void* x, const void* weight,
                              const void* bias, const void* runningMean, const void* runningVar, double eps, void* y,
                              void* mean, void* invStd);

/// dx, dw = Σ dy·x̂ and db = Σ dy. Unless `training`, the statistics are constants and nothing flows through them.
void launchBatchNormBackward(cudaStream_t, DType, const ChannelView&, bool training, const void* dy, const void* x,
                             const void* weight, const void* mean, const void* invStd, void* dx, void* dw, void* db,
                             void* workspace);

/// What group and layer norm share: row (n, g) of x [samples, channels, spatial] is the channels of group g of sample
/// n, and each channel has its own weight and bias. Layer norm has one group, in which every element is a channel.
struct NormRows {
  Index samples, groups, channels, spatial;
  bool channelsAreLast;  // x [samples, spatial, channels]
  DEVICE_CODE Index count() const { return samples * groups; }
  DEVICE_CODE Index groupChannels() const { return channels / groups; }
  DEVICE_CODE Index length() const { return groupChannels() * spatial; }
};

/// mean and invStd [samples, groups].
void launchRowsNorm(cudaStream_t, DType, const NormRows&, double eps, const void* x, const void* weight,
                    const void* bias, void* y, void* mean, void* invStd);
std::size_t rowsNormBackwardWorkspace(DType, const NormRows&);
void launchRowsNormBackward(cudaStream_t, DType, const NormRows&, const void* dy, const void* x, const void* weight,
                            const void* mean, const void* invStd, void* dx, void* dw, void* db, void* workspace);

/// Where the statistics of an element lie: row (outer / outerPerSample), of `groups` numbers, at channel /
/// groupChannels.
struct StatisticsView {
  Index outerPerSample, groups, groupChannels;
};
/// dw = Σ dy·x̂ and db = Σ dy of each channel.
std::size_t channelSumsWorkspace(DType, const ChannelView&);
void launchChannelSums(cudaStream_t, DType, const ChannelView&, const StatisticsView&, const void* dy, const void* x,
                       const void* mean, const void* invStd, void* dw, void* db, void* workspace);

/// y = x / (k + alpha/size · Σ x²)^beta over neighbouring channels.
struct ResponseRule {
  Index size;
  double alpha, beta, k;
};
void launchLocalResponse(cudaStream_t, DType, const ChannelView&, const ResponseRule&, const void* x, void* y);
std::size_t localResponseBackwardWorkspace(DType, const ChannelView&);
void launchLocalResponseBackward(cudaStream_t, DType, const ChannelView&, const ResponseRule&, const void* dy,
                                 const void* x, void* dx, void* workspace);

}  // namespace cnn::cuda

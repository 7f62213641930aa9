// One number a channel: added to a tensor, and its gradient.
#pragma once

#include <cuda_runtime_api.h>

#include "view.hpp"

namespace cnn::cuda {

// float32, float64, float16 and bfloat16 (the latter two add up in float32); all tensors of one type.

/// y = x + bias[channel]; y may be x.
void launchBias(cudaStream_t, DType, const ChannelView&, const void* x, const void* bias, void* y);

/// db[channel] = Σ dy, in a fixed order.
std::size_t biasGradientWorkspace(DType, const ChannelView&);
void launchBiasGradient(cudaStream_t, DType, const ChannelView&, const void* dy, void* db, void* workspace);

}  // namespace cnn::cuda

// Numbers that depend on (seed, offset, position) alone, so that they are those of every other device.
#pragma once

#include <cuda_runtime_api.h>

#include "view.hpp"

namespace cnn::cuda {

struct RandomStream {
  Index seed, offset;
};

/// float32 and float64. Computed in float64, rounded once.
void launchUniform(cudaStream_t, DType, RandomStream, double low, double high, void* y, Index count);
void launchNormal(cudaStream_t, DType, RandomStream, double mean, double std, void* y, Index count);

/// Which word belongs to an element of x. Plain: word i / length of the i-th element in memory, length being 1, or the
/// size of a plane. Channels-last [outer, inner, channels]: that of its place in the plain order, or, by plane, of its
/// sample and channel.
struct DropoutView {
  bool channelsAreLast, byPlane;
  Index outer, channels, inner;  // [N, C, spatial]
};
/// y = x/(1 − p) where the word says so, else 0. float32, float64, float16 and bfloat16.
void launchDropout(cudaStream_t, DType, RandomStream, double p, const DropoutView&, const void* x, void* y);

/// y = 0 … n−1 sorted by the 64-bit key of each, then by itself.
std::size_t permutationWorkspace(Index n);
void launchPermutation(cudaStream_t, RandomStream, Index n, std::int32_t* y, void* workspace);

}  // namespace cnn::cuda

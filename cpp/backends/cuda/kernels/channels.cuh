// Reductions over all that a channel has in [outer, channels, inner]. Where inner > 1 a block takes a channel, else
// blocks of 32 × 8 take 32 channels side by side. Each channel is cut into slices, whose parts are put together by a
// second launch.
#pragma once

#include "backends/cuda/launch.cuh"
#include "blocks.cuh"
#include "view.hpp"

namespace cnn::cuda {

/// How many slices each channel is cut into: enough blocks to fill a device, none of them tiny.
inline int slicesOf(const ChannelView& view) {
  Index blocks = view.inner > 1 ? view.channels : (view.channels + 31) / 32;
  Index least = view.inner > 1 ? 2048 : 128;  // elements of a channel in a slice
  return static_cast<int>(
      std::clamp<Index>(std::min(512 / std::max<Index>(blocks, 1), view.perChannel() / least), 1, 64));
}

/// For kernels that take channels: (channels or tiles of 32, slices).
inline Grid gridOfChannels(const ChannelView& view) {
  Index blocks = view.inner > 1 ? view.channels : (view.channels + 31) / 32;
  dim3 count(static_cast<unsigned>(std::clamp<Index>(blocks, 1, 65535)), static_cast<unsigned>(slicesOf(view)));
  return {count, view.inner > 1 ? dim3(256) : dim3(32, 8)};
}

namespace kernels {

/// The elements of a channel that belong to slice blockIdx.y, counted in the order of memory.
struct Slice {
  Index from, to;
};
__device__ inline Slice sliceOf(const ChannelView& view) {
  Index all = view.outer * view.inner, each = (all + gridDim.y - 1) / gridDim.y;
  Index from = smaller(blockIdx.y * each, all);
  return {from, smaller(from + each, all)};
}

/// The offset of element i of a channel.
__device__ inline Index offsetIn(const ChannelView& view, Index channel, Index i) {
  return (i / view.inner * view.channels + channel) * view.inner + i % view.inner;
}

}  // namespace kernels
}  // namespace cnn::cuda

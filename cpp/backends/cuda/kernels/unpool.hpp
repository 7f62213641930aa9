// Elements that go to, or come from, given positions of a plane.
#pragma once

#include <cuda_runtime_api.h>

#include "backends/cuda/fault.hpp"
#include "view.hpp"

namespace cnn::cuda {

/// The small tensor [N, C, count] has an int32 position in [0, size) for each element: its place in the large one [N,
/// C, size]. All three tensors have one layout.
struct UnpoolShape {
  Index samples, channels, count, size;
  bool channelsAreLast;  // [N, spatial, C]
  DEVICE_CODE Index planes() const { return samples * channels; }
};

/// y, the large tensor, is zero but at the positions, where the last element that has it goes.
std::size_t unpoolWorkspace(const UnpoolShape&);
void launchUnpool(cudaStream_t, std::size_t elementBytes, const UnpoolShape&, const void* x,
                  const std::int32_t* positions, void* y, void* workspace, FaultSink);

/// Elements that meet are added, by atomics, or `inOrder` by one thread a plane. Position −1 is nowhere. float32 and
/// float64.
void launchUnpoolSum(cudaStream_t, DType, const UnpoolShape&, bool inOrder, const void* x,
                     const std::int32_t* positions, void* y, FaultSink);

/// y, the small tensor, is x at the positions; 0 at −1.
void launchPlaneGather(cudaStream_t, std::size_t elementBytes, const UnpoolShape&, const void* x,
                       const std::int32_t* positions, void* y, FaultSink);

}  // namespace cnn::cuda

// Reading and writing at positions given by an int32 tensor. A position outside is a sink, and touches nothing.
#pragma once

#include <cuda_runtime_api.h>

#include "backends/cuda/fault.hpp"
#include "walk.hpp"

namespace cnn::cuda {

/// The axis along which indices point.
struct IndexedAxis {
  Index axis, size, stride;
};

/// y [count, classes] of int32.
void launchOneHot(cudaStream_t, Index count, Index classes, const std::int32_t* indices, std::int32_t* y, FaultSink);

/// Tensors of the walk: indices (and y, which lies the same), and x, in which the axis has stride 0.
void launchGather(cudaStream_t, std::size_t elementBytes, const Walk<2>&, IndexedAxis, const void* x,
                  const std::int32_t* indices, void* y, FaultSink);
/// x [outer, axis, inner] → y [outer, count, inner].
void launchIndexSelect(cudaStream_t, std::size_t elementBytes, Index outer, IndexedAxis, Index inner, Index count,
                       const void* x, const std::int32_t* indices, void* y, FaultSink);

// The gradients add up: float32 and float64 by atomics, in any order, or `inOrder` by one thread an element of dx that
// looks at every index along the axis (slow, the same bits each time). int32 adds up in 64 bits and saturates.

/// Bytes for either of the two.
std::size_t indexAddWorkspace(DType, Index dxCount);
/// Tensors of the walk as for launchGather, with dx for x. `indexShape` and `shape` are those of indices and dx.
void launchScatterAdd(cudaStream_t, DType, const Walk<2>&, IndexedAxis, const Dims& indexShape, const Dims& shape,
                      bool inOrder, const void* dy, const std::int32_t* indices, void* dx, void* workspace, FaultSink);
/// dy [outer, count, inner] → dx [outer, axis, inner].
void launchIndexAdd(cudaStream_t, DType, Index outer, IndexedAxis, Index inner, Index count, bool inOrder,
                    const void* dy, const std::int32_t* indices, void* dx, void* workspace, FaultSink);

}  // namespace cnn::cuda

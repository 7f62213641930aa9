// Elements that go to, or come from, given positions of a plane: a thread an element.
#include "unpool.hpp"

#include "backends/cuda/launch.cuh"
#include "device.cuh"

namespace cnn::cuda {
namespace kernels {

/// Element `at` of plane (n, c) of planes of `size`.
__device__ inline Index offsetOf(const UnpoolShape& shape, Index n, Index c, Index at, Index size) {
  return shape.channelsAreLast ? (n * size + at) * shape.channels + c : (n * shape.channels + c) * size + at;
}

/// The place of the i-th element in memory of planes of `size`.
struct UnpoolPlace {
  Index n, c, at;
};
__device__ inline UnpoolPlace placeIn(const UnpoolShape& shape, Index i, Index size) {
  if (shape.channelsAreLast) return {i / shape.channels / size, i % shape.channels, i / shape.channels % size};
  return {i / size / shape.channels, i / size % shape.channels, i % size};
}

__device__ inline bool isInPlane(std::int32_t position, const UnpoolShape& shape, FaultKind kind, FaultSink sink) {
  if (position >= 0 && position < shape.size) return true;
  report(sink, kind, position, shape.size);
  return false;
}

/// owners (−1 at first), as large as y: the greatest number of an element that wants the place.
__global__ void claimPlaces(UnpoolShape shape, const std::int32_t* positions, std::int32_t* owners, FaultSink sink) {
  for (Index i = gridIndex(); i < shape.planes() * shape.count; i += gridStep()) {
    UnpoolPlace place = placeIn(shape, i, shape.count);
    if (!isInPlane(positions[i], shape, FaultKind::maxUnpool, sink)) continue;
    atomicMax(owners + offsetOf(shape, place.n, place.c, positions[i], shape.size),
              static_cast<std::int32_t>(place.at));
  }
}

/// y takes what its owner has.
template <class T>
__global__ void unpool(UnpoolShape shape, const T* x, const std::int32_t* owners, T* y) {
  for (Index i = gridIndex(); i < shape.planes() * shape.size; i += gridStep()) {
    UnpoolPlace place = placeIn(shape, i, shape.size);
    y[i] = owners[i] < 0 ? T(0) : x[offsetOf(shape, place.n, place.c, owners[i], shape.count)];
  }
}

/// y is zero at first.
template <class T>
__global__ void unpoolSum(UnpoolShape shape, const T* x, const std::int32_t* positions, T* y, FaultSink sink) {
  for (Index i = gridIndex(); i < shape.planes() * shape.count; i += gridStep()) {
    if (positions[i] == -1 || !isInPlane(positions[i], shape, FaultKind::maxUnpool, sink)) continue;
    UnpoolPlace place = placeIn(shape, i, shape.count);
    atomicAdd(y + offsetOf(shape, place.n, place.c, positions[i], shape.size), x[i]);
  }
}

/// The same by one thread a plane.
template <class T>
__global__ void unpoolSumInOrder(UnpoolShape shape, const T* x, const std::int32_t* positions, T* y, FaultSink sink) {
  for (Index plane = gridIndex(); plane < shape.planes(); plane += gridStep()) {
    Index n = plane / shape.channels, c = plane % shape.channels;
    for (Index at = 0; at < shape.count; at++) {
      Index i = offsetOf(shape, n, c, at, shape.count);
      if (positions[i] == -1 || !isInPlane(positions[i], shape, FaultKind::maxUnpool, sink)) continue;
      y[offsetOf(shape, n, c, positions[i], shape.size)] += x[i];
    }
  }
}

template <class T>
__global__ void planeGather(UnpoolShape shape, const T* x, const std::int32_t* positions, T* y, FaultSink sink) {
  for (Index i = gridIndex(); i < shape.planes() * shape.count; i += gridStep()) {
    UnpoolPlace place = placeIn(shape, i, shape.count);
    std::int32_t position = positions[i];
    bool isSomewhere = position != -1 && isInPlane(position, shape, FaultKind::planeGather, sink);
    y[i] = isSomewhere ? x[offsetOf(shape, place.n, place.c, position, shape.size)] : T(0);
  }
}

}  // namespace kernels

std::size_t unpoolWorkspace(const UnpoolShape& shape) {
  return static_cast<std::size_t>(shape.planes() * shape.size) * sizeof(std::int32_t);
}

void launchUnpool(cudaStream_t stream, std::size_t elementBytes, const UnpoolShape& shape, const void* x,
                  const std::int32_t* positions, void* y, void* workspace, FaultSink sink) {
  Index all = shape.planes() * shape.size, given = shape.planes() * shape.count;
  if (all == 0) return;
  auto* owners = static_cast<std::int32_t*>(workspace);
  CHECK(cudaMemsetAsync(owners, 0xff, unpoolWorkspace(shape), stream));
  if (given > 0) launch<kernels::claimPlaces>(stream, gridFor(given), shape, positions, owners, sink);
  kernels::dispatchBytes(elementBytes, [&]<class T>(Type<T>) {
    launch<kernels::unpool<T>>(stream, gridFor(all), shape, static_cast<const T*>(x),
                               static_cast<const std::int32_t*>(owners), static_cast<T*>(y));
  });
}

void launchUnpoolSum(cudaStream_t stream, DType dtype, const UnpoolShape& shape, bool inOrder, const void* x,
                     const std::int32_t* positions, void* y, FaultSink sink) {
  Index all = shape.planes() * shape.size, given = shape.planes() * shape.count;
  if (all == 0) return;
  dispatchFloat(dtype, [&]<class T>(Type<T>) {
    CHECK(cudaMemsetAsync(y, 0, static_cast<std::size_t>(all) * sizeof(T), stream));
    if (given == 0) return;
    const T* from = static_cast<const T*>(x);
    if (inOrder) {
      launch<kernels::unpoolSumInOrder<T>>(stream, gridFor(shape.planes()), shape, from, positions, static_cast<T*>(y),
                                           sink);
    } else {
      launch<kernels::unpoolSum<T>>(stream, gridFor(given), shape, from, positions, static_cast<T*>(y), sink);
    }
  });
}

void launchPlaneGather(cudaStream_t stream, std::size_t elementBytes, const UnpoolShape& shape, const void* x,
                       const std::int32_t* positions, void* y, FaultSink sink) {
  Index given = shape.planes() * shape.count;
  if (given == 0) return;
  kernels::dispatchBytes(elementBytes, [&]<class T>(Type<T>) {
    launch<kernels::planeGather<T>>(stream, gridFor(given), shape, static_cast<const T*>(x), positions,
                                    static_cast<T*>(y), sink);
  });
}

}  // namespace cnn::cuda

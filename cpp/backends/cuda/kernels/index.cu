// Reading and writing at positions: a thread an element. Bound by memory, and by the contention of atomics where many
// meet.
#include "index.hpp"

#include "backends/cuda/launch.cuh"
#include "device.cuh"

namespace cnn::cuda {
namespace kernels {

/// Whether an index is on the axis; a fault if not.
__device__ inline bool isOnAxis(std::int32_t index, IndexedAxis axis, FaultKind kind, FaultSink sink) {
  if (index >= 0 && index < axis.size) return true;
  report(sink, kind, index, axis.size, axis.axis);
  return false;
}

__global__ void oneHot(Index count, Index classes, const std::int32_t* indices, std::int32_t* y, FaultSink sink) {
  for (Index i = gridIndex(); i < count * classes; i += gridStep()) {
    std::int32_t index = indices[i / classes];
    Index c = i % classes;
    if (c == 0 && (index < 0 || index >= classes)) report(sink, FaultKind::oneHot, index, classes);
    y[i] = c == index;
  }
}

template <class T>
__global__ void gather(Walk<2> walk, IndexedAxis axis, const T* x, const std::int32_t* indices, T* y, FaultSink sink) {
  for (Index i = gridIndex(); i < walk.count; i += gridStep()) {
    Index at[2];
    offsetsAt(walk, i, at);
    std::int32_t index = indices[at[0]];
    y[at[0]] = isOnAxis(index, axis, FaultKind::gather, sink) ? x[at[1] + index * axis.stride] : T(0);
  }
}

template <class T>
__global__ void indexSelect(Index outer, IndexedAxis axis, Index inner, Index count, const T* x,
                            const std::int32_t* indices, T* y, FaultSink sink) {
  for (Index i = gridIndex(); i < outer * count * inner; i += gridStep()) {
    std::int32_t index = indices[i / inner % count];
    Index row = i / (count * inner) * axis.size + index;
    y[i] = isOnAxis(index, axis, FaultKind::indexSelect, sink) ? x[row * inner + i % inner] : T(0);
  }
}

/// What adds up for T: two's complement numbers need no sign for that.
template <class T>
using Total = std::conditional_t<std::is_same_v<T, std::int32_t>, unsigned long long, T>;

template <class T>
__device__ inline void addTo(Total<T>* total, T value) {
  atomicAdd(total, static_cast<Total<T>>(value));
}

/// dx (zeros at first) += dy at the indices.
template <class T>
__global__ void scatterAdd(Walk<2> walk, IndexedAxis axis, const T* dy, const std::int32_t* indices, Total<T>* dx,
                           FaultSink sink) {
  for (Index i = gridIndex(); i < walk.count; i += gridStep()) {
    Index at[2];
    offsetsAt(walk, i, at);
    std::int32_t index = indices[at[0]];
    if (isOnAxis(index, axis, FaultKind::scatterAdd, sink)) addTo<T>(dx + at[1] + index * axis.stride, dy[at[0]]);
  }
}

template <class T>
__global__ void indexAdd(Index outer, IndexedAxis axis, Index inner, Index count, const T* dy,
                         const std::int32_t* indices, Total<T>* dx, FaultSink sink) {
  for (Index i = gridIndex(); i < outer * count * inner; i += gridStep()) {
    std::int32_t index = indices[i / inner % count];
    Index row = i / (count * inner) * axis.size + index;
    if (isOnAxis(index, axis, FaultKind::indexAdd, sink)) addTo<T>(dx + row * inner + i % inner, dy[i]);
  }
}

/// Element i of dx [outer, axis, inner] adds up the slices of dy [outer, count, inner] whose index is its place.
template <class T>
__global__ void indexAddInOrder(Index outer, IndexedAxis axis, Index inner, Index count, const T* dy,
                                const std::int32_t* indices, T* dx, FaultSink sink) {
  for (Index i = gridIndex(); i < outer * axis.size * inner; i += gridStep()) {
    Index place = i / inner % axis.size, row = i / (axis.size * inner) * count;
    T sum = 0;
    for (Index k = 0; k < count; k++) {
      if (i == 0) isOnAxis(indices[k], axis, FaultKind::indexAdd, sink);
      if (indices[k] == place) sum += dy[(row + k) * inner + i % inner];
    }
    dx[i] = sum;
  }
}

/// The walk is over the lines along the axis: tensor 0 the indices, of which a line has `count`, `step` apart; tensor 1
/// dx. An element of dx adds up what its line points to it. Lines of dx that the indices don't have stay zero.
template <class T>
__global__ void scatterAddInOrder(Walk<2> lines, IndexedAxis axis, Index count, Index step, const T* dy,
                                  const std::int32_t* indices, T* dx, FaultSink sink) {
  for (Index i = gridIndex(); i < lines.count * axis.size; i += gridStep()) {
    Index place = i % axis.size, at[2];
    offsetsAt(lines, i / axis.size, at);
    T sum = 0;
    for (Index k = 0; k < count; k++) {
      Index from = at[0] + k * step;
      if (place == 0) isOnAxis(indices[from], axis, FaultKind::scatterAdd, sink);
      if (indices[from] == place) sum += dy[from];
    }
    dx[at[1] + place * axis.stride] = sum;
  }
}

/// 64-bit totals become int32, saturated.
__global__ void narrowTotals(const long long* totals, std::int32_t* dx, Index count) {
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    long long least = lowest<std::int32_t>, most = highest<std::int32_t>;
    dx[i] = static_cast<std::int32_t>(smaller(larger(totals[i], least), most));
  }
}

}  // namespace kernels

void launchOneHot(cudaStream_t stream, Index count, Index classes, const std::int32_t* indices, std::int32_t* y,
                  FaultSink sink) {
  if (count == 0) return;
  launch<kernels::oneHot>(stream, gridFor(count * classes), count, classes, indices, y, sink);
}

void launchGather(cudaStream_t stream, std::size_t elementBytes, const Walk<2>& walk, IndexedAxis axis, const void* x,
                  const std::int32_t* indices, void* y, FaultSink sink) {
  if (walk.count == 0) return;
  kernels::dispatchBytes(elementBytes, [&]<class T>(Type<T>) {
    launch<kernels::gather<T>>(stream, gridFor(walk.count), walk, axis, static_cast<const T*>(x), indices,
                               static_cast<T*>(y), sink);
  });
}

void launchIndexSelect(cudaStream_t stream, std::size_t elementBytes, Index outer, IndexedAxis axis, Index inner,
                       Index count, const void* x, const std::int32_t* indices, void* y, FaultSink sink) {
  if (outer * count * inner == 0) return;
  // Whole slices move: in units of 8 bytes where they are made of such.
  auto isEven = [&] {
    return inner % 2 == 0 && reinterpret_cast<std::uintptr_t>(x) % (2 * elementBytes) == 0 &&
           reinterpret_cast<std::uintptr_t>(y) % (2 * elementBytes) == 0;
  };
  for (; elementBytes < 8 && isEven(); inner /= 2) elementBytes *= 2;
  kernels::dispatchBytes(elementBytes, [&]<class T>(Type<T>) {
    launch<kernels::indexSelect<T>>(stream, gridFor(outer * count * inner), outer, axis, inner, count,
                                    static_cast<const T*>(x), indices, static_cast<T*>(y), sink);
  });
}

namespace {

/// float32, float64 and int32 are what the gradients add up.
template <class F>
void dispatchTotals(DType dtype, F&& f) {
  if (dtype == DType::int32) return f(Type<std::int32_t>{});
  if (dtype == DType::float64) return f(Type<double>{});
  f(Type<float>{});
}

/// Zeros, then `add(totals)`, then for int32 what the totals are.
template <class T, class Add>
void addUp(cudaStream_t stream, Index count, void* dx, void* workspace, Add add) {
  constexpr bool isNarrow = std::is_same_v<T, std::int32_t>;
  auto* totals = static_cast<kernels::Total<T>*>(isNarrow ? workspace : dx);
  CHECK(cudaMemsetAsync(totals, 0, static_cast<std::size_t>(count) * sizeof *totals, stream));
  add(totals);
  if constexpr (isNarrow) {
    launch<kernels::narrowTotals>(stream, gridFor(count), static_cast<const long long*>(workspace),
                                  static_cast<std::int32_t*>(dx), count);
  }
}

}  // namespace

std::size_t indexAddWorkspace(DType dtype, Index dxCount) {
  return dtype == DType::int32 ? static_cast<std::size_t>(dxCount) * sizeof(long long) : 0;
}

void launchScatterAdd(cudaStream_t stream, DType dtype, const Walk<2>& walk, IndexedAxis axis, const Dims& indexShape,
                      const Dims& shape, bool inOrder, const void* dy, const std::int32_t* indices, void* dx,
                      void* workspace, FaultSink sink) {
  Index count = shape.product();
  if (count == 0) return;
  dispatchTotals(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(dy);
    if (!inOrder || std::is_same_v<T, std::int32_t>) {
      return addUp<T>(stream, count, dx, workspace, [&](kernels::Total<T>* totals) {
        if (walk.count > 0)
          launch<kernels::scatterAdd<T>>(stream, gridFor(walk.count), walk, axis, from, indices, totals, sink);
      });
    }
    CHECK(cudaMemsetAsync(dx, 0, static_cast<std::size_t>(count) * sizeof(T), stream));
    if (walk.count == 0) return;
    int along = static_cast<int>(axis.axis);
    Dims lineShape = indexShape, indexStrides = stridesOf(indexShape);
    lineShape[along] = 1;
    Walk<2> lines = makeWalk<2>(lineShape, {indexStrides, stridesOf(shape)});
    launch<kernels::scatterAddInOrder<T>>(stream, gridFor(lines.count * axis.size), lines, axis, indexShape[along],
                                          indexStrides[along], from, indices, static_cast<T*>(dx), sink);
  });
}

void launchIndexAdd(cudaStream_t stream, DType dtype, Index outer, IndexedAxis axis, Index inner, Index count,
                    bool inOrder, const void* dy, const std::int32_t* indices, void* dx, void* workspace,
                    FaultSink sink) {
  Index all = outer * axis.size * inner, given = outer * count * inner;
  if (all == 0) return;
  dispatchTotals(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(dy);
    if (inOrder && !std::is_same_v<T, std::int32_t>) {
      launch<kernels::indexAddInOrder<T>>(stream, gridFor(all), outer, axis, inner, count, from, indices,
                                          static_cast<T*>(dx), sink);
      return;
    }
    addUp<T>(stream, all, dx, workspace, [&](kernels::Total<T>* totals) {
      if (given > 0)
        launch<kernels::indexAdd<T>>(stream, gridFor(given), outer, axis, inner, count, from, indices, totals, sink);
    });
  });
}

}  // namespace cnn::cuda

// Means over windows: a thread an element of the result, or four channels of it. Bound by memory.
#include "backends/cuda/launch.cuh"
#include "windows.cuh"

namespace cnn::cuda {
namespace kernels {

template <class C, class I>
__device__ inline C divisorOf(const MeanOf& mean, const Window<I>& d, const Window<I>& h, const Window<I>& w) {
  return static_cast<C>(mean.divisor ? mean.divisor : static_cast<Index>(d.size) * h.size * w.size);
}

/// A window wholly in the padding gives 0, as PyTorch does. `wide` channels a thread.
template <class T, class I, int wide, class Windows>
__global__ void meanPool(Windows windows, const T* x, T* y) {
  using C = Compute<T>;
  const PoolShape& shape = windows.shape;
  I groups = static_cast<I>(shape.channels / wide),
    count = static_cast<I>(shape.samples * groups * shape.output.volume());
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<I> place = placeOf(static_cast<I>(i), groups, shape.output, shape.y);
    place.c *= wide;
    const T* plane = x + planeOffset(place, shape.x);
    Window<I> depth = windows.at(0, place.at[0]), height = windows.at(1, place.at[1]),
              width = windows.at(2, place.at[2]);
    bool isEmpty = depth.begin >= depth.end || height.begin >= height.end || width.begin >= width.end;
    C sums[wide] = {};
    for (I d = depth.begin; d < depth.end; d++) {
      for (I h = height.begin; h < height.end; h++) {
        C row[wide] = {};
        for (I w = width.begin; w < width.end; w++) {
          Pack<T, wide> values = loadFrom<wide>(plane + spatialOffset(d, h, w, shape.x));
          for (int k = 0; k < wide; k++) row[k] += get(values.at[k]);
        }
        for (int k = 0; k < wide; k++) sums[k] += row[k];
      }
    }
    C divisor = divisorOf<C>(windows.mean, depth, height, width);
    Pack<T, wide> out;
    for (int k = 0; k < wide; k++) out.at[k] = put<T>(isEmpty ? C(0) : sums[k] / divisor);
    storeTo(y + offsetOf(place, shape.y), out);
  }
}

/// dx gathers its share of dy from the windows that hold it.
template <class T, class I, int wide, class Windows>
__global__ void meanPoolBackward(Windows windows, const T* dy, T* dx) {
  using C = Compute<T>;
  const PoolShape& shape = windows.shape;
  I groups = static_cast<I>(shape.channels / wide),
    count = static_cast<I>(shape.samples * groups * shape.input.volume());
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<I> place = placeOf(static_cast<I>(i), groups, shape.input, shape.x);
    place.c *= wide;
    const T* plane = dy + planeOffset(place, shape.y);
    Readers<I> depth = windows.readersOf(0, place.at[0]), height = windows.readersOf(1, place.at[1]),
               width = windows.readersOf(2, place.at[2]);
    C sums[wide] = {};
    for (I d = depth.from; d < depth.to; d++) {
      Window<I> slab = windows.at(0, d);
      for (I h = height.from; h < height.to; h++) {
        Window<I> row = windows.at(1, h);
        for (I w = width.from; w < width.to; w++) {
          C divisor = divisorOf<C>(windows.mean, slab, row, windows.at(2, w));
          Pack<T, wide> g = loadFrom<wide>(plane + spatialOffset(d, h, w, shape.y));
          for (int k = 0; k < wide; k++) sums[k] += get(g.at[k]) / divisor;
        }
      }
    }
    Pack<T, wide> out;
    for (int k = 0; k < wide; k++) out.at[k] = put<T>(sums[k]);
    storeTo(dx + offsetOf(place, shape.x), out);
  }
}

}  // namespace kernels

namespace {

template <template <class> class Windows>
void launchMean(cudaStream_t stream, DType dtype, bool isFour, const PoolShape& shape, MeanOf mean, const void* x,
                void* y) {
  Index count = shape.samples * shape.channels * shape.output.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (isFour) {
      launch<kernels::meanPool<T, int, 4, Windows<int>>>(stream, gridFor(count / 4), Windows<int>{shape, mean}, from,
                                                         to);
    } else {
      launch<kernels::meanPool<T, Index, 1, Windows<Index>>>(stream, gridFor(count), Windows<Index>{shape, mean}, from,
                                                             to);
    }
  });
}

template <template <class> class Windows>
void launchMeanBackward(cudaStream_t stream, DType dtype, bool isFour, const PoolShape& shape, MeanOf mean,
                        const void* dy, void* dx) {
  Index count = shape.samples * shape.channels * shape.input.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(dy);
    T* to = static_cast<T*>(dx);
    if (isFour) {
      launch<kernels::meanPoolBackward<T, int, 4, Windows<int>>>(stream, gridFor(count / 4), Windows<int>{shape, mean},
                                                                 from, to);
    } else {
      launch<kernels::meanPoolBackward<T, Index, 1, Windows<Index>>>(stream, gridFor(count),
                                                                     Windows<Index>{shape, mean}, from, to);
    }
  });
}

}  // namespace

void launchAvgPool(cudaStream_t stream, DType dtype, const PoolShape& shape, MeanOf mean, const void* x, void* y) {
  launchMean<kernels::MeanWindows>(stream, dtype, takesFour(shape, false), shape, mean, x, y);
}

void launchAvgPoolBackward(cudaStream_t stream, DType dtype, const PoolShape& shape, MeanOf mean, const void* dy,
                           void* dx) {
  launchMeanBackward<kernels::MeanWindows>(stream, dtype, takesFour(shape, false), shape, mean, dy, dx);
}

PoolShape adaptiveShape(const TensorDesc& x, const TensorDesc& y) {
  PoolShape shape{};
  shape.samples = x.shape[0];
  shape.channels = x.shape[1];
  shape.input = lift(x.shape.slice(2), 1);
  shape.output = lift(y.shape.slice(2), 1);
  shape.x = planeStrides(x);
  shape.y = planeStrides(y);
  return shape;
}

void launchAdaptiveAvgPool(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* x, void* y) {
  launchMean<kernels::AdaptiveWindows>(stream, dtype, takesFour(shape, true), shape, MeanOf{}, x, y);
}

void launchAdaptiveAvgPoolBackward(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* dy, void* dx) {
  launchMeanBackward<kernels::AdaptiveWindows>(stream, dtype, takesFour(shape, true), shape, MeanOf{}, dy, dx);
}

}  // namespace cnn::cuda

// Means over windows: a thread an element of the result.
#include "backends/cuda/launch.cuh"
#include "windows.cuh"

namespace cnn::cuda {
namespace kernels {

template <class C>
__device__ inline C divisorOf(const MeanOf& mean, const Window& d, const Window& h, const Window& w) {
  return static_cast<C>(mean.divisor ? mean.divisor : d.size * h.size * w.size);
}

/// A window wholly in the padding gives 0, as PyTorch does.
template <class T, class Windows>
__global__ void meanPool(Windows windows, const T* x, T* y) {
  using C = Compute<T>;
  const PoolShape& shape = windows.shape;
  const Triple& step = shape.x.spatial;
  Index count = shape.samples * shape.channels * shape.output.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace place = placeOf(i, shape.channels, shape.output, shape.y);
    const T* plane = x + planeOffset(place, shape.x);
    Window depth = windows.at(0, place.at[0]), height = windows.at(1, place.at[1]), width = windows.at(2, place.at[2]);
    bool isEmpty = depth.begin >= depth.end || height.begin >= height.end || width.begin >= width.end;
    C sum = 0;
    for (Index d = depth.begin; d < depth.end; d++) {
      for (Index h = height.begin; h < height.end; h++) {
        C row = 0;
        for (Index w = width.begin; w < width.end; w++) row += get(plane[d * step.at[0] + h * step.at[1] + w * step.at[2]]);
        sum += row;
      }
    }
    y[offsetOf(place, shape.y)] = put<T>(isEmpty ? C(0) : sum / divisorOf<C>(windows.mean, depth, height, width));
  }
}

/// dx gathers its share of dy from the windows that hold it.
template <class T, class Windows>
__global__ void meanPoolBackward(Windows windows, const T* dy, T* dx) {
  using C = Compute<T>;
  const PoolShape& shape = windows.shape;
  const Triple& step = shape.y.spatial;
  Index count = shape.samples * shape.channels * shape.input.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace place = placeOf(i, shape.channels, shape.input, shape.x);
    const T* plane = dy + planeOffset(place, shape.y);
    Readers depth = windows.readersOf(0, place.at[0]), height = windows.readersOf(1, place.at[1]), width = windows.readersOf(2, place.at[2]);
    C sum = 0;
    for (Index d = depth.from; d < depth.to; d++) {
      for (Index h = height.from; h < height.to; h++) {
        for (Index w = width.from; w < width.to; w++) {
          C divisor = divisorOf<C>(windows.mean, windows.at(0, d), windows.at(1, h), windows.at(2, w));
          sum += get(plane[d * step.at[0] + h * step.at[1] + w * step.at[2]]) / divisor;
        }
      }
    }
    dx[offsetOf(place, shape.x)] = put<T>(sum);
  }
}

}  // namespace kernels

namespace {

template <class Windows>
void launchMean(cudaStream_t stream, DType dtype, const Windows& windows, const void* x, void* y) {
  Index count = windows.shape.samples * windows.shape.channels * windows.shape.output.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::meanPool<T, Windows>>(stream, gridFor(count), windows, static_cast<const T*>(x), static_cast<T*>(y));
  });
}

template <class Windows>
void launchMeanBackward(cudaStream_t stream, DType dtype, const Windows& windows, const void* dy, void* dx) {
  Index count = windows.shape.samples * windows.shape.channels * windows.shape.input.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::meanPoolBackward<T, Windows>>(stream, gridFor(count), windows, static_cast<const T*>(dy), static_cast<T*>(dx));
  });
}

}  // namespace

void launchAvgPool(cudaStream_t stream, DType dtype, const PoolShape& shape, MeanOf mean, const void* x, void* y) {
  launchMean(stream, dtype, kernels::MeanWindows{shape, mean}, x, y);
}

void launchAvgPoolBackward(cudaStream_t stream, DType dtype, const PoolShape& shape, MeanOf mean, const void* dy, void* dx) {
  launchMeanBackward(stream, dtype, kernels::MeanWindows{shape, mean}, dy, dx);
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
  launchMean(stream, dtype, kernels::AdaptiveWindows{shape, {}}, x, y);
}

void launchAdaptiveAvgPoolBackward(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* dy, void* dx) {
  launchMeanBackward(stream, dtype, kernels::AdaptiveWindows{shape, {}}, dy, dx);
}

}  // namespace cnn::cuda

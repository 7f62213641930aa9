// Maxima over windows: a thread an element of the result. Positions are those within a plane, in the plain order.
#include "backends/cuda/launch.cuh"
#include "windows.cuh"

namespace cnn::cuda {
namespace kernels {

/// The index of a maximum over nothing: a dilated window can lie wholly in the padding.
inline constexpr Index nowhere = -1;

template <class T, class Windows>
__global__ void maxPool(Windows windows, const T* x, T* y, std::int32_t* positions) {
  const PoolShape& shape = windows.shape;
  const Triple& step = shape.x.spatial;
  Index count = shape.samples * shape.channels * shape.output.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace place = placeOf(i, shape.channels, shape.output, shape.y);
    const T* plane = x + planeOffset(place, shape.x);
    Window depth = windows.at(0, place.at[0]), height = windows.at(1, place.at[1]), width = windows.at(2, place.at[2]);
    T best = put<T>(-infinity<float>);
    Index at = nowhere;
    for (Index d = depth.begin; d < depth.end; d += depth.step) {
      for (Index h = height.begin; h < height.end; h += height.step) {
        for (Index w = width.begin; w < width.end; w += width.step) {
          T value = plane[d * step.at[0] + h * step.at[1] + w * step.at[2]];
          if (at != nowhere && !(get(value) > get(best)) && !isNaN(get(value))) continue;
          best = value;
          at = (d * shape.input.at[1] + h) * shape.input.at[2] + w;
        }
      }
    }
    Index offset = offsetOf(place, shape.y);
    y[offset] = best;
    if (positions) positions[offset] = static_cast<std::int32_t>(at);
  }
}

/// dx gathers dy from the windows whose maximum it is.
template <class T>
__global__ void maxPoolBackward(MaxWindows windows, const T* dy, const std::int32_t* positions, T* dx) {
  const PoolShape& shape = windows.shape;
  const Triple& step = shape.y.spatial;
  Index count = shape.samples * shape.channels * shape.input.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace place = placeOf(i, shape.channels, shape.input, shape.x);
    Index plane = planeOffset(place, shape.y);
    Index own = (place.at[0] * shape.input.at[1] + place.at[1]) * shape.input.at[2] + place.at[2];
    Readers depth = windows.readersOf(0, place.at[0]), height = windows.readersOf(1, place.at[1]), width = windows.readersOf(2, place.at[2]);
    Compute<T> sum = 0;
    for (Index d = depth.from; d < depth.to; d++) {
      for (Index h = height.from; h < height.to; h++) {
        for (Index w = width.from; w < width.to; w++) {
          Index at = plane + d * step.at[0] + h * step.at[1] + w * step.at[2];
          if (positions[at] == own) sum += get(dy[at]);
        }
      }
    }
    dx[offsetOf(place, shape.x)] = put<T>(sum);
  }
}

}  // namespace kernels

namespace {

template <class Windows>
void launchMax(cudaStream_t stream, DType dtype, const Windows& windows, const void* x, void* y, std::int32_t* positions) {
  Index count = windows.shape.samples * windows.shape.channels * windows.shape.output.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::maxPool<T, Windows>>(stream, gridFor(count), windows, static_cast<const T*>(x), static_cast<T*>(y), positions);
  });
}

}  // namespace

void launchMaxPool(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* x, void* y, std::int32_t* positions) {
  launchMax(stream, dtype, kernels::MaxWindows{shape}, x, y, positions);
}

void launchAdaptiveMaxPool(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* x, void* y, std::int32_t* positions) {
  launchMax(stream, dtype, kernels::AdaptiveWindows{shape, {}}, x, y, positions);
}

void launchMaxPoolBackward(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* dy, const std::int32_t* positions, void* dx) {
  Index count = shape.samples * shape.channels * shape.input.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::maxPoolBackward<T>>(stream, gridFor(count), kernels::MaxWindows{shape}, static_cast<const T*>(dy), positions,
                                        static_cast<T*>(dx));
  });
}

}  // namespace cnn::cuda

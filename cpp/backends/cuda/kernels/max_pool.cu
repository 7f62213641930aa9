// Maxima over windows: a thread an element of the result, or four channels of it. Positions are those within a plane,
// in the plain order. Bound by memory.
#include "backends/cuda/launch.cuh"
#include "windows.cuh"

namespace cnn::cuda {
namespace kernels {

/// The index of a maximum over nothing: a dilated window can lie wholly in the padding.
inline constexpr std::int32_t nowhere = -1;

/// `wide` channels a thread.
template <class T, class I, int wide, class Windows>
__global__ void maxPool(Windows windows, const T* x, T* y, std::int32_t* positions) {
  const PoolShape& shape = windows.shape;
  I groups = static_cast<I>(shape.channels / wide),
    count = static_cast<I>(shape.samples * groups * shape.output.volume());
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<I> place = placeOf(static_cast<I>(i), groups, shape.output, shape.y);
    place.c *= wide;
    const T* plane = x + planeOffset(place, shape.x);
    Window<I> depth = windows.at(0, place.at[0]), height = windows.at(1, place.at[1]),
              width = windows.at(2, place.at[2]);
    Pack<T, wide> best;
    Pack<std::int32_t, wide> at;
    for (int k = 0; k < wide; k++) {
      best.at[k] = put<T>(-infinity<Compute<T>>);
      at.at[k] = nowhere;
    }
    for (I d = depth.begin; d < depth.end; d += depth.step) {
      for (I h = height.begin; h < height.end; h += height.step) {
        for (I w = width.begin; w < width.end; w += width.step) {
          Pack<T, wide> values = loadFrom<wide>(plane + spatialOffset(d, h, w, shape.x));
          auto position = static_cast<std::int32_t>((d * shape.input.at[1] + h) * shape.input.at[2] + w);
          for (int k = 0; k < wide; k++) {
            Compute<T> value = get(values.at[k]);
            if (at.at[k] != nowhere && !(value > get(best.at[k])) && !isNaN(value)) continue;
            best.at[k] = values.at[k];
            at.at[k] = position;
          }
        }
      }
    }
    Index offset = offsetOf(place, shape.y);
    storeTo(y + offset, best);
    if (positions) storeTo(positions + offset, at);
  }
}

/// dx gathers dy from the windows whose maximum it is.
template <class T, class I, int wide>
__global__ void maxPoolBackward(MaxWindows<I> windows, const T* dy, const std::int32_t* positions, T* dx) {
  const PoolShape& shape = windows.shape;
  I groups = static_cast<I>(shape.channels / wide),
    count = static_cast<I>(shape.samples * groups * shape.input.volume());
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<I> place = placeOf(static_cast<I>(i), groups, shape.input, shape.x);
    place.c *= wide;
    Index plane = planeOffset(place, shape.y);
    auto own =
        static_cast<std::int32_t>((place.at[0] * shape.input.at[1] + place.at[1]) * shape.input.at[2] + place.at[2]);
    Readers<I> depth = windows.readersOf(0, place.at[0]), height = windows.readersOf(1, place.at[1]),
               width = windows.readersOf(2, place.at[2]);
    Compute<T> sums[wide] = {};
    for (I d = depth.from; d < depth.to; d++) {
      for (I h = height.from; h < height.to; h++) {
        for (I w = width.from; w < width.to; w++) {
          Index offset = plane + spatialOffset(d, h, w, shape.y);
          Pack<std::int32_t, wide> at = loadFrom<wide>(positions + offset);
          Pack<T, wide> g = loadFrom<wide>(dy + offset);
          for (int k = 0; k < wide; k++) sums[k] += at.at[k] == own ? get(g.at[k]) : Compute<T>(0);
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
void launchMax(cudaStream_t stream, DType dtype, bool isFour, const PoolShape& shape, const void* x, void* y,
               std::int32_t* positions) {
  Index count = shape.samples * shape.channels * shape.output.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (isFour) {
      launch<kernels::maxPool<T, int, 4, Windows<int>>>(stream, gridFor(count / 4), Windows<int>{shape}, from, to,
                                                        positions);
    } else {
      launch<kernels::maxPool<T, Index, 1, Windows<Index>>>(stream, gridFor(count), Windows<Index>{shape}, from, to,
                                                            positions);
    }
  });
}

}  // namespace

void launchMaxPool(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* x, void* y,
                   std::int32_t* positions) {
  launchMax<kernels::MaxWindows>(stream, dtype, takesFour(shape, false), shape, x, y, positions);
}

void launchAdaptiveMaxPool(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* x, void* y,
                           std::int32_t* positions) {
  launchMax<kernels::AdaptiveWindows>(stream, dtype, takesFour(shape, true), shape, x, y, positions);
}

void launchMaxPoolBackward(cudaStream_t stream, DType dtype, const PoolShape& shape, const void* dy,
                           const std::int32_t* positions, void* dx) {
  Index count = shape.samples * shape.channels * shape.input.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(dy);
    T* to = static_cast<T*>(dx);
    if (takesFour(shape, false)) {
      launch<kernels::maxPoolBackward<T, int, 4>>(stream, gridFor(count / 4), kernels::MaxWindows<int>{shape}, from,
                                                  positions, to);
    } else {
      launch<kernels::maxPoolBackward<T, Index, 1>>(stream, gridFor(count), kernels::MaxWindows<Index>{shape}, from,
                                                    positions, to);
    }
  });
}

}  // namespace cnn::cuda

// Interpolation: a thread an element of the result, each a weighted sum of at most two positions an axis.
#include "resample.hpp"

#include "backends/cuda/launch.cuh"
#include "planes.cuh"

namespace cnn::cuda {
namespace kernels {

/// One axis: what position p of the output reads.
struct Taps {
  Index first, second;  // second −1: there is none
  double part;          // the weight of the second; the first has the rest
};

struct ResampleAxis {
  Index input, output;
  Interpolation mode;
  bool alignCorners;

  /// Positions of the input that neighbouring positions of the output are apart.
  __device__ double ratio() const {
    if (!alignCorners) return static_cast<double>(input) / static_cast<double>(output);
    return output > 1 ? static_cast<double>(input - 1) / static_cast<double>(output - 1) : 0.0;
  }

  __device__ Taps tapsOf(Index p) const {
    if (input == output) return {p, -1, 0};
    if (mode == Interpolation::nearest) return {p * input / output, -1, 0};
    double at = static_cast<double>(p) * ratio();
    if (!alignCorners) at = larger(0.0, (static_cast<double>(p) + 0.5) * ratio() - 0.5);  // pixel centres
    Index first = smaller(static_cast<Index>(at), input - 1);
    return {first, smaller(first + 1, input - 1), smaller(at - static_cast<double>(first), 1.0)};
  }

  /// The weight with which position p of the output reads position i of the input.
  __device__ double weightOf(Index p, Index i) const {
    Taps taps = tapsOf(p);
    return (taps.first == i ? 1 - taps.part : 0.0) + (taps.second == i ? taps.part : 0.0);
  }

  /// A run [from, to) of output positions in which all that read i lie; it may hold a few more.
  __device__ void readersOf(Index i, Index& from, Index& to) const {
    from = 0;
    to = output;
    double step = ratio();
    if (input == output) {
      from = i;
      to = i + 1;
    } else if (mode == Interpolation::nearest) {
      from = (i * output + input - 1) / input;
      to = ((i + 1) * output + input - 1) / input;
    } else if (step > 0) {
      double shift = alignCorners ? 0.0 : 0.5;  // p reads around (p + shift)·step − shift, one to either side
      double low = (static_cast<double>(i - 1) + shift) / step - shift, high = (static_cast<double>(i + 1) + shift) / step - shift;
      if (i > 0) from = larger<Index>(static_cast<Index>(low) - 1, 0);
      if (i < input - 1) to = smaller<Index>(static_cast<Index>(high) + 2, output);
    }
  }
};

__device__ inline ResampleAxis axisOf(const ResampleShape& shape, int axis) {
  return {shape.input.at[axis], shape.output.at[axis], shape.mode, shape.alignCorners};
}

template <class T>
__global__ void upsample(ResampleShape shape, const T* x, T* y) {
  using C = Compute<T>;
  Index count = shape.samples * shape.channels * shape.output.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace place = placeOf(i, shape.channels, shape.output, shape.y);
    Taps taps[3];
    for (int axis = 0; axis < 3; axis++) taps[axis] = axisOf(shape, axis).tapsOf(place.at[axis]);
    const T* plane = x + planeOffset(place, shape.x);
    C sum = 0;
    for (int corner = 0; corner < 8; corner++) {  // a bit for each axis: its first or second tap
      double weight = 1;
      Index offset = 0;
      bool exists = true;
      for (int axis = 0; axis < 3; axis++) {
        bool isSecond = corner >> axis & 1;
        exists = exists && !(isSecond && taps[axis].second < 0);
        weight *= isSecond ? taps[axis].part : 1 - taps[axis].part;
        offset += (isSecond ? taps[axis].second : taps[axis].first) * shape.x.spatial.at[axis];
      }
      if (exists) sum += static_cast<C>(weight) * get(plane[offset]);
    }
    y[offsetOf(place, shape.y)] = put<T>(sum);
  }
}

template <class T>
__global__ void upsampleBackward(ResampleShape shape, const T* dy, T* dx) {
  using C = Compute<T>;
  Index count = shape.samples * shape.channels * shape.input.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace place = placeOf(i, shape.channels, shape.input, shape.x);
    const ResampleAxis axes[3] = {axisOf(shape, 0), axisOf(shape, 1), axisOf(shape, 2)};
    Index from[3], to[3];
    for (int axis = 0; axis < 3; axis++) axes[axis].readersOf(place.at[axis], from[axis], to[axis]);
    const T* plane = dy + planeOffset(place, shape.y);
    C sum = 0;
    for (Index d = from[0]; d < to[0]; d++) {
      double depth = axes[0].weightOf(d, place.at[0]);
      for (Index h = from[1]; h < to[1]; h++) {
        double height = depth * axes[1].weightOf(h, place.at[1]);
        const T* row = plane + d * shape.y.spatial.at[0] + h * shape.y.spatial.at[1];
        for (Index w = from[2]; w < to[2]; w++) {
          double weight = height * axes[2].weightOf(w, place.at[2]);
          if (weight != 0) sum += static_cast<C>(weight) * get(row[w * shape.y.spatial.at[2]]);
        }
      }
    }
    dx[offsetOf(place, shape.x)] = put<T>(sum);
  }
}

}  // namespace kernels

void launchUpsample(cudaStream_t stream, DType dtype, const ResampleShape& shape, const void* x, void* y) {
  Index count = shape.samples * shape.channels * shape.output.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::upsample<T>>(stream, gridFor(count), shape, static_cast<const T*>(x), static_cast<T*>(y));
  });
}

void launchUpsampleBackward(cudaStream_t stream, DType dtype, const ResampleShape& shape, const void* dy, void* dx) {
  Index count = shape.samples * shape.channels * shape.input.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::upsampleBackward<T>>(stream, gridFor(count), shape, static_cast<const T*>(dy), static_cast<T*>(dx));
  });
}

}  // namespace cnn::cuda

// Interpolation: a thread an element of the result, or four channels of it, each a weighted sum of at most two
// positions an axis.
#include "resample.hpp"

#include "backends/cuda/launch.cuh"
#include "planes.cuh"

namespace cnn::cuda {
namespace kernels {

/// One axis: what position p of the output reads.
template <class I>
struct Taps {
  I first, second;  // second −1: there is none
  double part;      // the weight of the second; the first has the rest
};

template <class I>
struct ResampleAxis {
  I input, output;
  Interpolation mode;
  bool alignCorners;

  /// Positions of the input that neighbouring positions of the output are apart.
  __device__ double ratio() const {
    if (!alignCorners) return static_cast<double>(input) / static_cast<double>(output);
    return output > 1 ? static_cast<double>(input - 1) / static_cast<double>(output - 1) : 0.0;
  }

  __device__ Taps<I> tapsOf(I p) const {
    if (input == output) return {p, -1, 0};
    if (mode == Interpolation::nearest) return {p * input / output, -1, 0};
    double at = static_cast<double>(p) * ratio();
    if (!alignCorners) at = larger(0.0, (static_cast<double>(p) + 0.5) * ratio() - 0.5);  // pixel centres
    I first = smaller<I>(static_cast<I>(at), input - 1);
    return {first, smaller<I>(first + 1, input - 1), smaller(at - static_cast<double>(first), 1.0)};
  }

  /// The weight with which position p of the output reads position i of the input.
  __device__ double weightOf(I p, I i) const {
    Taps<I> taps = tapsOf(p);
    return (taps.first == i ? 1 - taps.part : 0.0) + (taps.second == i ? taps.part : 0.0);
  }

  /// A run [from, to) of output positions in which all that read i lie; it may hold a few more.
  __device__ void readersOf(I i, I& from, I& to) const {
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
      double low = (static_cast<double>(i - 1) + shift) / step - shift,
             high = (static_cast<double>(i + 1) + shift) / step - shift;
      if (i > 0) from = larger<I>(static_cast<I>(low) - 1, 0);
      if (i < input - 1) to = smaller<I>(static_cast<I>(high) + 2, output);
    }
  }
};

template <class I>
__device__ inline ResampleAxis<I> axisOf(const ResampleShape& shape, int axis) {
  return {static_cast<I>(shape.input.at[axis]), static_cast<I>(shape.output.at[axis]), shape.mode, shape.alignCorners};
}

/// `wide` channels a thread.
template <class T, class I, int wide>
__global__ void upsample(ResampleShape shape, const T* x, T* y) {
  using C = Compute<T>;
  I groups = static_cast<I>(shape.channels / wide),
    count = static_cast<I>(shape.samples * groups * shape.output.volume());
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<I> place = placeOf(static_cast<I>(i), groups, shape.output, shape.y);
    place.c *= wide;
    Taps<I> taps[3];
    for (int axis = 0; axis < 3; axis++) taps[axis] = axisOf<I>(shape, axis).tapsOf(place.at[axis]);
    const T* plane = x + planeOffset(place, shape.x);
    C sums[wide] = {};
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
      if (!exists) continue;
      Pack<T, wide> values = loadFrom<wide>(plane + offset);
      for (int k = 0; k < wide; k++) sums[k] += static_cast<C>(weight) * get(values.at[k]);
    }
    Pack<T, wide> out;
    for (int k = 0; k < wide; k++) out.at[k] = put<T>(sums[k]);
    storeTo(y + offsetOf(place, shape.y), out);
  }
}

template <class T, class I, int wide>
__global__ void upsampleBackward(ResampleShape shape, const T* dy, T* dx) {
  using C = Compute<T>;
  I groups = static_cast<I>(shape.channels / wide),
    count = static_cast<I>(shape.samples * groups * shape.input.volume());
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<I> place = placeOf(static_cast<I>(i), groups, shape.input, shape.x);
    place.c *= wide;
    const ResampleAxis<I> axes[3] = {axisOf<I>(shape, 0), axisOf<I>(shape, 1), axisOf<I>(shape, 2)};
    I from[3], to[3];
    for (int axis = 0; axis < 3; axis++) axes[axis].readersOf(place.at[axis], from[axis], to[axis]);
    const T* plane = dy + planeOffset(place, shape.y);
    C sums[wide] = {};
    for (I d = from[0]; d < to[0]; d++) {
      double depth = axes[0].weightOf(d, place.at[0]);
      for (I h = from[1]; h < to[1]; h++) {
        double height = depth * axes[1].weightOf(h, place.at[1]);
        for (I w = from[2]; w < to[2]; w++) {
          double weight = height * axes[2].weightOf(w, place.at[2]);
          if (weight == 0) continue;
          Pack<T, wide> g = loadFrom<wide>(plane + spatialOffset(d, h, w, shape.y));
          for (int k = 0; k < wide; k++) sums[k] += static_cast<C>(weight) * get(g.at[k]);
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

/// Whether a thread can take four channels: they are neighbours, four by four, and every number fits 31 bits.
bool takesFour(const ResampleShape& shape) {
  constexpr Index most = 0x7fffffff;
  if (shape.x.c != 1 || shape.y.c != 1 || shape.channels % 4 != 0) return false;
  for (int axis = 0; axis < 3; axis++) {
    if ((shape.input.at[axis] + 1) * (shape.output.at[axis] + 1) > most) return false;
  }
  return std::max(shape.input.volume(), shape.output.volume()) <=
         most / std::max<Index>(shape.samples * shape.channels, 1);
}

}  // namespace

void launchUpsample(cudaStream_t stream, DType dtype, const ResampleShape& shape, const void* x, void* y) {
  Index count = shape.samples * shape.channels * shape.output.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (takesFour(shape)) {
      launch<kernels::upsample<T, int, 4>>(stream, gridFor(count / 4), shape, from, to);
    } else {
      launch<kernels::upsample<T, Index, 1>>(stream, gridFor(count), shape, from, to);
    }
  });
}

void launchUpsampleBackward(cudaStream_t stream, DType dtype, const ResampleShape& shape, const void* dy, void* dx) {
  Index count = shape.samples * shape.channels * shape.input.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(dy);
    T* to = static_cast<T*>(dx);
    if (takesFour(shape)) {
      launch<kernels::upsampleBackward<T, int, 4>>(stream, gridFor(count / 4), shape, from, to);
    } else {
      launch<kernels::upsampleBackward<T, Index, 1>>(stream, gridFor(count), shape, from, to);
    }
  });
}

}  // namespace cnn::cuda

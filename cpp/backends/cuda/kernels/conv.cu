// Direct convolution: position p of y, k of the kernel and i of x belong together where i = p·stride − padding +
// k·dilation.
#include "conv.hpp"

#include "backends/cuda/launch.cuh"
#include "blocks.cuh"
#include "planes.cuh"

namespace cnn::cuda {
namespace kernels {

__device__ inline bool isIn(Index i, Index size) { return i >= 0 && i < size; }

/// y = bias + Σ x·weight: a thread an element of y.
template <class T>
__global__ void conv(ConvShape s, const T* x, const T* weight, const T* bias, T* y) {
  using C = Compute<T>;
  Index channels = s.groups * s.outputChannels, count = s.samples * channels * s.output.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<Index> place = placeOf(i, channels, s.output, s.y);
    Index firstChannel = place.c / s.outputChannels * s.inputChannels;
    Index start[3];  // in x
    for (int axis = 0; axis < 3; axis++) start[axis] = place.at[axis] * s.stride.at[axis] - s.padding.at[axis];
    C sum = bias ? get(bias[place.c]) : C(0);
    for (Index kd = 0; kd < s.kernel.at[0]; kd++) {
      Index d = start[0] + kd * s.dilation.at[0];
      if (!isIn(d, s.input.at[0])) continue;
      for (Index kh = 0; kh < s.kernel.at[1]; kh++) {
        Index h = start[1] + kh * s.dilation.at[1];
        if (!isIn(h, s.input.at[1])) continue;
        for (Index kw = 0; kw < s.kernel.at[2]; kw++) {
          Index w = start[2] + kw * s.dilation.at[2];
          if (!isIn(w, s.input.at[2])) continue;
          const T* from = x + offsetOf<Index>({place.n, firstChannel, {d, h, w}}, s.x);
          const T* factor = weight + offsetOf<Index>({place.c, 0, {kd, kh, kw}}, s.weight);
          C tap = 0;
          for (Index c = 0; c < s.inputChannels; c++) tap += get(from[c * s.x.c]) * get(factor[c * s.weight.c]);
          sum += tap;
        }
      }
    }
    y[offsetOf(place, s.y)] = put<T>(sum);
  }
}

/// The position p of y with p·stride = i + padding − k·dilation, or −1.
__device__ inline Index outputOf(const ConvShape& s, int axis, Index i, Index k) {
  Index reached = i + s.padding.at[axis] - k * s.dilation.at[axis], stride = s.stride.at[axis];
  return reached >= 0 && reached % stride == 0 && reached / stride < s.output.at[axis] ? reached / stride : -1;
}

/// dx = bias + Σ dy·weight: a thread an element of dx.
template <class T>
__global__ void convBackwardData(ConvShape s, const T* dy, const T* weight, const T* bias, T* dx) {
  using C = Compute<T>;
  Index channels = s.groups * s.inputChannels, count = s.samples * channels * s.input.volume();
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    PlanePlace<Index> place = placeOf(i, channels, s.input, s.x);
    Index firstFilter = place.c / s.inputChannels * s.outputChannels, channel = place.c % s.inputChannels;
    C sum = bias ? get(bias[place.c]) : C(0);
    for (Index kd = 0; kd < s.kernel.at[0]; kd++) {
      Index d = outputOf(s, 0, place.at[0], kd);
      if (d < 0) continue;
      for (Index kh = 0; kh < s.kernel.at[1]; kh++) {
        Index h = outputOf(s, 1, place.at[1], kh);
        if (h < 0) continue;
        for (Index kw = 0; kw < s.kernel.at[2]; kw++) {
          Index w = outputOf(s, 2, place.at[2], kw);
          if (w < 0) continue;
          const T* from = dy + offsetOf<Index>({place.n, firstFilter, {d, h, w}}, s.y);
          const T* factor = weight + offsetOf<Index>({firstFilter, channel, {kd, kh, kw}}, s.weight);
          C tap = 0;
          for (Index o = 0; o < s.outputChannels; o++) tap += get(from[o * s.y.c]) * get(factor[o * s.weight.n]);
          sum += tap;
        }
      }
    }
    dx[offsetOf(place, s.x)] = put<T>(sum);
  }
}

/// dw = Σ x·dy over samples and positions of y: `lanes` threads an element of dw.
template <class T, int lanes>
__global__ void convBackwardWeight(ConvShape s, const T* x, const T* dy, T* dw) {
  using C = Compute<T>;
  Index perBlock = blockDim.x / lanes, lane = threadIdx.x % lanes;
  Index volume = s.output.volume(), count = s.groups * s.outputChannels * s.inputChannels * s.kernel.volume();
  for (Index i = blockIdx.x * perBlock + threadIdx.x / lanes; i < count; i += gridDim.x * perBlock) {
    PlanePlace<Index> place = placeOf(i, s.inputChannels, s.kernel, s.weight);  // n: the filter
    Index channel = place.n / s.outputChannels * s.inputChannels + place.c;
    C sum = 0;
    for (Index j = lane; j < s.samples * volume; j += lanes) {
      Index n = j, at[3], from[3];
      takeSpatial(n, s.output, at);
      bool isInside = true;
      for (int axis = 0; axis < 3; axis++) {
        from[axis] = at[axis] * s.stride.at[axis] - s.padding.at[axis] + place.at[axis] * s.dilation.at[axis];
        isInside = isInside && isIn(from[axis], s.input.at[axis]);
      }
      if (!isInside) continue;
      sum += get(x[offsetOf<Index>({n, channel, {from[0], from[1], from[2]}}, s.x)]) *
             get(dy[offsetOf<Index>({n, place.n, {at[0], at[1], at[2]}}, s.y)]);
    }
    sum = rowSum<lanes>(sum);
    if (lane == 0) dw[offsetOf(place, s.weight)] = put<T>(sum);
  }
}

}  // namespace kernels

void launchConv(cudaStream_t stream, DType dtype, const ConvShape& shape, const void* x, const void* weight,
                const void* bias, void* y) {
  Index count = shape.samples * shape.groups * shape.outputChannels * shape.output.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::conv<T>>(stream, gridFor(count), shape, static_cast<const T*>(x), static_cast<const T*>(weight),
                             static_cast<const T*>(bias), static_cast<T*>(y));
  });
}

void launchConvBackwardData(cudaStream_t stream, DType dtype, const ConvShape& shape, const void* dy,
                            const void* weight, const void* bias, void* dx) {
  Index count = shape.samples * shape.groups * shape.inputChannels * shape.input.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::convBackwardData<T>>(stream, gridFor(count), shape, static_cast<const T*>(dy),
                                         static_cast<const T*>(weight), static_cast<const T*>(bias),
                                         static_cast<T*>(dx));
  });
}

void launchConvBackwardWeight(cudaStream_t stream, DType dtype, const ConvShape& shape, const void* x, const void* dy,
                              void* dw) {
  Index count = shape.groups * shape.outputChannels * shape.inputChannels * shape.kernel.volume();
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    auto with = [&]<int lanes>(std::integral_constant<int, lanes>) {
      launch<kernels::convBackwardWeight<T, lanes>>(stream, gridFor(count * lanes), shape, static_cast<const T*>(x),
                                                    static_cast<const T*>(dy), static_cast<T*>(dw));
    };
    if (shape.samples * shape.output.volume() <= 1024) {
      with(std::integral_constant<int, 32>{});
    } else {
      with(std::integral_constant<int, 256>{});
    }
  });
}

}  // namespace cnn::cuda

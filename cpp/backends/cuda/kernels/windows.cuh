// The windows of pooling along each axis: what an output position sees, and which output positions see an input
// position.
#pragma once

#include "planes.cuh"
#include "pool.hpp"

namespace cnn::cuda {

/// Whether a thread can take four channels: they are neighbours, four by four, and every number fits 31 bits.
inline bool takesFour(const PoolShape& shape, bool isAdaptive) {
  constexpr Index most = 0x7fffffff, large = 1 << 28;
  if (shape.x.c != 1 || shape.y.c != 1 || shape.channels % 4 != 0) return false;
  if (std::max(shape.input.volume(), shape.output.volume()) > most / std::max<Index>(shape.samples * shape.channels, 1))
    return false;
  for (int axis = 0; axis < 3; axis++) {
    Index input = shape.input.at[axis], output = shape.output.at[axis];
    if (isAdaptive && (input + 1) * (output + 1) > most) return false;
    if (shape.kernel.at[axis] * shape.dilation.at[axis] > large || shape.stride.at[axis] > large ||
        shape.padding.at[axis] > large)
      return false;
  }
  return true;
}

namespace kernels {

/// begin, begin + step, … < end; all of it inside the input. It may be empty.
template <class I>
struct Window {
  I begin, end, step;
  I size;  // what the axis contributes to the divisor of a mean
};

/// Output positions [from, to).
template <class I>
struct Readers {
  I from, to;
};

/// The least number that is at least a / b, for b > 0.
template <class I>
__device__ inline I ceilDivided(I a, I b) {
  return a > 0 ? (a + b - 1) / b : -(-a / b);
}

/// One axis of a PoolShape, in the type of indices.
template <class I>
struct PoolAxis {
  I input, output, kernel, stride, padding, dilation;
  __device__ PoolAxis(const PoolShape& shape, int axis)
      : input(static_cast<I>(shape.input.at[axis])),
        output(static_cast<I>(shape.output.at[axis])),
        kernel(static_cast<I>(shape.kernel.at[axis])),
        stride(static_cast<I>(shape.stride.at[axis])),
        padding(static_cast<I>(shape.padding.at[axis])),
        dilation(static_cast<I>(shape.dilation.at[axis])) {}
};

template <class I>
struct MaxWindows {
  PoolShape shape;
  __device__ Window<I> at(int axis, I p) const {
    PoolAxis<I> a(shape, axis);
    I start = p * a.stride - a.padding, end = smaller<I>(start + (a.kernel - 1) * a.dilation + 1, a.input);
    if (start < 0) start += (-start + a.dilation - 1) / a.dilation * a.dilation;  // padding is −∞: it is skipped
    return {start, end, a.dilation, 0};
  }
  /// With dilation some of them step over i.
  __device__ Readers<I> readersOf(int axis, I i) const {
    PoolAxis<I> a(shape, axis);
    I padded = i + a.padding, reach = (a.kernel - 1) * a.dilation;
    return {larger<I>(ceilDivided<I>(padded - reach, a.stride), 0), smaller<I>(padded / a.stride + 1, a.output)};
  }
};

template <class I>
struct MeanWindows {
  PoolShape shape;
  MeanOf mean;
  __device__ Window<I> at(int axis, I p) const {
    PoolAxis<I> a(shape, axis);
    I start = p * a.stride - a.padding;
    I end = smaller<I>(start + a.kernel, a.input + a.padding);  // what ceilMode adds beyond the padding counts nothing
    I begin = larger<I>(start, 0), inside = smaller(end, a.input);
    return {begin, inside, 1, mean.countIncludePad ? end - start : inside - begin};
  }
  __device__ Readers<I> readersOf(int axis, I i) const {
    PoolAxis<I> a(shape, axis);
    I padded = i + a.padding;
    return {larger<I>(ceilDivided<I>(padded - a.kernel + 1, a.stride), 0), smaller<I>(padded / a.stride + 1, a.output)};
  }
};

template <class I>
struct AdaptiveWindows {
  PoolShape shape;
  MeanOf mean{};  // its divisor is 0
  __device__ Window<I> at(int axis, I p) const {
    PoolAxis<I> a(shape, axis);
    I begin = p * a.input / a.output, end = ((p + 1) * a.input + a.output - 1) / a.output;
    return {begin, end, 1, end - begin};
  }
  __device__ Readers<I> readersOf(int axis, I i) const {
    PoolAxis<I> a(shape, axis);
    return {i * a.output / a.input, ((i + 1) * a.output + a.input - 1) / a.input};
  }
};

}  // namespace kernels
}  // namespace cnn::cuda

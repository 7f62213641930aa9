// The windows of pooling along each axis: what an output position sees, and which output positions see an input position.
#pragma once

#include "planes.cuh"
#include "pool.hpp"

namespace cnn::cuda::kernels {

/// begin, begin + step, … < end; all of it inside the input. It may be empty.
struct Window {
  Index begin, end, step;
  Index size;  // what the axis contributes to the divisor of a mean
};

/// Output positions [from, to).
struct Readers {
  Index from, to;
};

/// The least number that is at least a / b, for b > 0.
__device__ inline Index ceilDivided(Index a, Index b) { return a > 0 ? (a + b - 1) / b : -(-a / b); }

struct MaxWindows {
  PoolShape shape;
  __device__ Window at(int axis, Index p) const {
    Index step = shape.dilation.at[axis], start = p * shape.stride.at[axis] - shape.padding.at[axis];
    Index end = smaller(start + (shape.kernel.at[axis] - 1) * step + 1, shape.input.at[axis]);
    if (start < 0) start += (-start + step - 1) / step * step;  // padding is −∞: it is skipped
    return {start, end, step, 0};
  }
  /// With dilation some of them step over i.
  __device__ Readers readersOf(int axis, Index i) const {
    Index padded = i + shape.padding.at[axis], stride = shape.stride.at[axis];
    Index reach = (shape.kernel.at[axis] - 1) * shape.dilation.at[axis];
    return {larger<Index>(ceilDivided(padded - reach, stride), 0), smaller(padded / stride + 1, shape.output.at[axis])};
  }
};

struct MeanWindows {
  PoolShape shape;
  MeanOf mean;
  __device__ Window at(int axis, Index p) const {
    Index padding = shape.padding.at[axis], start = p * shape.stride.at[axis] - padding, input = shape.input.at[axis];
    Index end = smaller(start + shape.kernel.at[axis], input + padding);  // what ceilMode adds beyond the padding counts nothing
    Index begin = larger<Index>(start, 0), inside = smaller(end, input);
    return {begin, inside, 1, mean.countIncludePad ? end - start : inside - begin};
  }
  __device__ Readers readersOf(int axis, Index i) const {
    Index padded = i + shape.padding.at[axis], stride = shape.stride.at[axis];
    return {larger<Index>(ceilDivided(padded - shape.kernel.at[axis] + 1, stride), 0), smaller(padded / stride + 1, shape.output.at[axis])};
  }
};

struct AdaptiveWindows {
  PoolShape shape;
  MeanOf mean;  // its divisor is 0
  __device__ Window at(int axis, Index p) const {
    Index input = shape.input.at[axis], output = shape.output.at[axis];
    Index begin = p * input / output, end = ((p + 1) * input + output - 1) / output;
    return {begin, end, 1, end - begin};
  }
  __device__ Readers readersOf(int axis, Index i) const {
    Index input = shape.input.at[axis], output = shape.output.at[axis];
    return {i * output / input, ((i + 1) * output + input - 1) / input};
  }
};

}  // namespace cnn::cuda::kernels

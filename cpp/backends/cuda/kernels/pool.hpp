// Maxima and means over windows, forward and backward, any rank and layout. The backward passes gather: one thread an
// element of dx visits the windows that hold it, so results are the same each time.
#pragma once

#include <cuda_runtime_api.h>

#include "view.hpp"

namespace cnn::cuda {

/// x [N, C, input…] → y [N, C, output…]. Window p starts at p·stride − padding.
struct PoolShape {
  Index samples, channels;
  Triple input, output, kernel, stride, padding, dilation;
  PlaneStrides x, y;
};

/// `op` is a MaxPool, an AvgPool or one of their gradients; x and y are the tensors of the forward pass, or their
/// gradients.
template <class PoolOp>
PoolShape poolShape(const PoolOp& op, const TensorDesc& x, const TensorDesc& y) {
  Triple dilation = {1, 1, 1};
  if constexpr (requires { op.dilation; }) dilation = lift(op.dilation, 1);
  return {x.shape[0],
          x.shape[1],
          lift(x.shape.slice(2), 1),
          lift(y.shape.slice(2), 1),
          lift(op.kernelSize, 1),
          lift(op.stride, 1),
          lift(op.padding, 0),
          dilation,
          planeStrides(x),
          planeStrides(y)};
}

// float32, float64, float16 and bfloat16.

/// The maximum of each window, and where in its plane it is: the first, but a NaN wins over all; −1 for a window wholly
/// in the padding. `positions` lie as y does; null where nobody wants them.
void launchMaxPool(cudaStream_t, DType, const PoolShape&, const void* x, void* y, std::int32_t* positions);
void launchMaxPoolBackward(cudaStream_t, DType, const PoolShape&, const void* dy, const std::int32_t* positions,
                           void* dx);

/// What a window's sum is divided by: `divisor`, or where that is 0 its size, with the padding if `countIncludePad`.
struct MeanOf {
  bool countIncludePad;
  Index divisor;
};
void launchAvgPool(cudaStream_t, DType, const PoolShape&, MeanOf, const void* x, void* y);
void launchAvgPoolBackward(cudaStream_t, DType, const PoolShape&, MeanOf, const void* dy, void* dx);

/// Window i of an axis of size s pooled to o is [⌊i·s/o⌋, ⌈(i+1)·s/o⌉).
PoolShape adaptiveShape(const TensorDesc& x, const TensorDesc& y);
void launchAdaptiveMaxPool(cudaStream_t, DType, const PoolShape&, const void* x, void* y, std::int32_t* positions);
void launchAdaptiveAvgPool(cudaStream_t, DType, const PoolShape&, const void* x, void* y);
void launchAdaptiveAvgPoolBackward(cudaStream_t, DType, const PoolShape&, const void* dy, void* dx);

}  // namespace cnn::cuda

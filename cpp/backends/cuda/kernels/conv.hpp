// Direct convolution and its two gradients: one thread or block a result, any rank, groups, dilation, padding and
// layout. It is for what cuDNN declines: correct and deterministic, without tiles or tensor cores.
#pragma once

#include <cuda_runtime_api.h>

#include "view.hpp"

namespace cnn::cuda {

/// x [N, groups·inputChannels, input…], weight [groups·outputChannels, inputChannels, kernel…], y [N,
/// groups·outputChannels, output…]. Padding at the end shows in the sizes only.
struct ConvShape {
  Index samples, groups;
  Index inputChannels, outputChannels;  // of one group
  Triple input, output, kernel, stride, padding, dilation;
  PlaneStrides x, weight, y;
};

/// `op` is a Conv or one of its gradients; x, weight and y are the tensors of the forward convolution, or their
/// gradients.
template <class ConvOp>
ConvShape convShape(const ConvOp& op, const TensorDesc& x, const TensorDesc& weight, const TensorDesc& y) {
  return {x.shape[0],
          op.groups,
          weight.shape[1],
          weight.shape[0] / op.groups,
          lift(x.shape.slice(2), 1),
          lift(y.shape.slice(2), 1),
          lift(weight.shape.slice(2), 1),
          lift(op.stride, 1),
          lift(op.padding, 0),
          lift(op.dilation, 1),
          planeStrides(x),
          planeStrides(weight),
          planeStrides(y)};
}

// float32, float64, float16 and bfloat16 (all tensors of one type; the latter two add up in float32). `bias` may be
// null.

/// y = bias + x ∗ weight; bias [O].
void launchConv(cudaStream_t, DType, const ConvShape&, const void* x, const void* weight, const void* bias, void* y);
/// dx = bias + the gradient of x; bias [C] (a transposed convolution has one).
void launchConvBackwardData(cudaStream_t, DType, const ConvShape&, const void* dy, const void* weight, const void* bias,
                            void* dx);
/// dw; the bias's gradient is launchBiasGradient of dy.
void launchConvBackwardWeight(cudaStream_t, DType, const ConvShape&, const void* x, const void* dy, void* dw);

}  // namespace cnn::cuda

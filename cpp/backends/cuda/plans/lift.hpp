// What cuDNN sees of a tensor: at least two spatial dimensions, all strides written out.
#pragma once

#include "backends/cuda/graph/graph.hpp"
#include "backends/cuda/layout.hpp"

namespace cnn::cuda::plans {

/// The sizes of a window with its missing leading dimensions: one spatial dimension becomes the width of a plane of
/// height 1.
inline Dims liftSizes(Dims sizes, Index missing) {
  if (sizes.size() == 1) sizes.insert(0, missing);
  return sizes;
}

/// [N, C, L] → [N, C, 1, L] and [N, C] → [N, C, 1, 1], channels-last.
inline TensorDesc lift(TensorDesc desc) {
  while (desc.shape.size() < 4) desc.shape.insert(2, 1);
  desc.layout = channelsLast;
  return desc;
}

inline graph::Tensor addTensor(graph::Graph& graph, const TensorDesc& desc) {
  TensorDesc lifted = lift(desc);
  return graph.add(graph::dataType(desc.dtype), lifted.shape, cuda::stridesOf(lifted));
}

/// A tensor of bytes as large as `desc`.
inline graph::Tensor addBytes(graph::Graph& graph, const TensorDesc& desc) {
  TensorDesc lifted = lift(desc);
  return graph.add(CUDNN_DATA_INT8, lifted.shape, cuda::stridesOf(lifted));
}

inline graph::Tensor addVirtual(graph::Graph& graph, const TensorDesc& desc) {
  TensorDesc lifted = lift(desc);
  return graph.addVirtual(lifted.shape, cuda::stridesOf(lifted));
}

/// A tensor of one number a channel of `desc`, [1, C, 1, …].
inline graph::Tensor addChannels(graph::Graph& graph, const TensorDesc& desc, DType dtype) {
  TensorDesc channels(dtype, Dims::filled(lift(desc).rank(), 1), channelsLast);
  channels.shape[1] = desc.shape[1];
  return graph.add(graph::dataType(dtype), channels.shape, cuda::stridesOf(channels));
}

}  // namespace cnn::cuda::plans

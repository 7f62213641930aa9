// How kernels see tensors of channels: strides in elements, three spatial dimensions for all ranks. Plain data, passed
// by value.
#pragma once

#include "backends/cuda/layout.hpp"
#include "base/desc.hpp"
#include "base/device_code.hpp"

namespace cnn::cuda {

/// A value for each of depth, height and width. One or two spatial dimensions are three whose first ones have size 1.
struct Triple {
  Index at[3];
  DEVICE_CODE Index volume() const { return at[0] * at[1] * at[2]; }
};

/// `fill` stands for the leading dimensions that `spatial` lacks: 1 for sizes, strides and dilations, 0 for paddings.
inline Triple lift(const Dims& spatial, Index fill) {
  Triple triple = {fill, fill, fill};
  for (int i = 0; i < spatial.size(); i++) triple.at[3 - spatial.size() + i] = spatial[i];
  return triple;
}

/// Elements between neighbours along each axis of [N, C, D, H, W]; of a weight [O, C, kD, kH, kW] likewise.
struct PlaneStrides {
  Index n, c;
  Triple spatial;
};

/// Of a tensor [N, C, spatial…] in either layout.
inline PlaneStrides planeStrides(const TensorDesc& desc) {
  Dims strides = stridesOf(desc);
  return {strides[0], strides[1], lift(strides.slice(2), 0)};
}

/// A tensor [N, C, …] in memory as [outer, channels, inner]: plain is [N, C, spatial], channels-last [N·spatial, C, 1].
struct ChannelView {
  Index outer, channels, inner;
  DEVICE_CODE Index elements() const { return outer * channels * inner; }
  DEVICE_CODE Index perChannel() const { return outer * inner; }
};

inline ChannelView channelView(const TensorDesc& desc) {
  Index spatial = desc.shape.slice(2).product();
  if (desc.layout == channelsLast) return {desc.shape[0] * spatial, desc.shape[1], 1};
  return {desc.shape[0], desc.shape[1], spatial};
}

}  // namespace cnn::cuda

// The two layouts of the cuda backend: plain, and channels-last, in which cuDNN's kernels are fast and complete.
#pragma once

#include "base/desc.hpp"

namespace cnn::cuda {

/// x [N, C, spatial…] lies as [N, spatial…, C], weight [O, C, kernel…] as [O, kernel…, C]. For tensors of rank 3 to 5.
inline constexpr Layout channelsLast{1};

inline bool hasChannelsLast(const Dims& shape) { return shape.size() >= 3 && shape.size() <= 5; }

/// Elements between neighbours of each logical axis. Both layouts are dense: no padding anywhere.
inline Dims stridesOf(const TensorDesc& desc) {
  int rank = desc.rank();
  Dims strides = Dims::filled(rank, 1);
  Index step = 1;
  auto put = [&](int axis) {
    strides[axis] = step;
    step *= desc.shape[axis];
  };
  if (desc.layout == channelsLast) put(1);
  for (int axis = rank - 1; axis >= 0; axis--) {
    if (axis != 1 || desc.layout != channelsLast) put(axis);
  }
  return strides;
}

}  // namespace cnn::cuda

// An element's place in [N, C, D, H, W], found from its place in memory.
#pragma once

#include "device.cuh"
#include "view.hpp"

namespace cnn::cuda::kernels {

struct PlanePlace {
  Index n, c, at[3];
};

/// The place of the i-th element in memory of a dense tensor in either layout: neighbouring threads have neighbouring elements.
__device__ inline PlanePlace placeOf(Index i, Index channels, const Triple& size, const PlaneStrides& strides) {
  PlanePlace place{};
  bool channelsAreLast = strides.c == 1;
  if (channelsAreLast) {
    place.c = i % channels;
    i /= channels;
  }
  for (int axis = 2; axis >= 0; axis--) {
    if (size.at[axis] == 1) continue;
    place.at[axis] = i % size.at[axis];
    i /= size.at[axis];
  }
  if (!channelsAreLast) {
    place.c = i % channels;
    i /= channels;
  }
  place.n = i;
  return place;
}

/// The offset of a plane's first element.
__device__ inline Index planeOffset(const PlanePlace& place, const PlaneStrides& strides) {
  return place.n * strides.n + place.c * strides.c;
}

__device__ inline Index offsetOf(const PlanePlace& place, const PlaneStrides& strides) {
  Index offset = planeOffset(place, strides);
  for (int axis = 0; axis < 3; axis++) offset += place.at[axis] * strides.spatial.at[axis];
  return offset;
}

}  // namespace cnn::cuda::kernels

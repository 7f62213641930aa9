// An element's place in [N, C, D, H, W], found from its place in memory.
#pragma once

#include "device.cuh"
#include "view.hpp"

namespace cnn::cuda::kernels {

/// I is int where a tensor has less than 2³¹ elements (32-bit divisions are several times as fast), else Index.
template <class I>
struct PlanePlace {
  I n, c, at[3];
};

/// Takes the last spatial axes off i, whose rest is what lies outside.
template <class I>
__device__ inline void takeSpatial(I& i, const Triple& size, I (&at)[3]) {
  for (int axis = 2; axis >= 0; axis--) {
    I extent = static_cast<I>(size.at[axis]), outer = i / extent;
    at[axis] = i - outer * extent;
    i = outer;
  }
}

/// The place of the i-th element in memory of a dense tensor in either layout: neighbouring threads have neighbouring
/// elements.
template <class I>
__device__ inline PlanePlace<I> placeOf(I i, I channels, const Triple& size, const PlaneStrides& strides) {
  PlanePlace<I> place{};
  bool channelsAreLast = strides.c == 1;
  if (channelsAreLast) {
    place.c = i % channels;
    i /= channels;
  }
  takeSpatial(i, size, place.at);
  if (!channelsAreLast) {
    place.c = i % channels;
    i /= channels;
  }
  place.n = i;
  return place;
}

/// The offset of a plane's first element.
template <class I>
__device__ inline Index planeOffset(const PlanePlace<I>& place, const PlaneStrides& strides) {
  return place.n * strides.n + place.c * strides.c;
}

/// The offset of a position from a plane's first element.
template <class I>
__device__ inline Index spatialOffset(I d, I h, I w, const PlaneStrides& strides) {
  return d * strides.spatial.at[0] + h * strides.spatial.at[1] + w * strides.spatial.at[2];
}

template <class I>
__device__ inline Index offsetOf(const PlanePlace<I>& place, const PlaneStrides& strides) {
  return planeOffset(place, strides) + spatialOffset(place.at[0], place.at[1], place.at[2], strides);
}

}  // namespace cnn::cuda::kernels

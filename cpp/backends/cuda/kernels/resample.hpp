// Interpolation of [N, C, spatial…] in any layout, and its gradient.
#pragma once

#include <cuda_runtime_api.h>

#include "ops/resample.hpp"
#include "view.hpp"

namespace cnn::cuda {

/// x [N, C, input…] → y [N, C, output…].
struct ResampleShape {
  Index samples, channels;
  Triple input, output;
  PlaneStrides x, y;
  Interpolation mode;
  bool alignCorners;
};

// float32, float64, float16 and bfloat16. Positions and weights are computed in float64, as the definition has them.

void launchUpsample(cudaStream_t, DType, const ResampleShape&, const void* x, void* y);
/// Gathers: each element of dx adds up, in order, what it gave to.
void launchUpsampleBackward(cudaStream_t, DType, const ResampleShape&, const void* dy, void* dx);

}  // namespace cnn::cuda

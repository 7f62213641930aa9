// The loops of ReLU and ReLU6 in place.
#include "rectify.hpp"

#include <limits>

#include "parallel.hpp"

namespace cnn::cpu {

namespace {

template <class T>
void rectifyAll(float most, T* y, Index count) {
  const T highest(most);
  parallelFor(count, grainElements, [=](Index from, Index to) {
#pragma omp simd
    for (Index i = from; i < to; i++) {
      const auto value = static_cast<float>(y[i]);
      y[i] = value <= 0 ? T(0.0f) : value >= most ? highest : y[i];  // NaN stays
    }
  });
}

}  // namespace

void rectify(Activation activation, DType dtype, void* y, std::size_t bytes) {
  if (activation == Activation::identity) return;
  const float most = activation == Activation::relu6 ? 6.0f : std::numeric_limits<float>::infinity();
  const auto count = static_cast<Index>(bytes / sizeOf(dtype));
  if (dtype == DType::bfloat16) {
    rectifyAll(most, static_cast<BFloat16*>(y), count);
  } else {
    rectifyAll(most, static_cast<float*>(y), count);
  }
}

}  // namespace cnn::cpu

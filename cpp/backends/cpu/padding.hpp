// The zeros in the padded lanes of a convolution's result. The weights are zero there, so sums are too, but for 0 · ∞,
// which is NaN: that raises the flag of invalid operations, and the zeros are written again where it is up.
#pragma once

#include "channels.hpp"
#include "engine.hpp"
#include "invalid.hpp"

namespace cnn::cpu {

class Padding {
 public:
  Padding(const Engine& engine, const TensorDesc& result)
      : view_(engine.paddedView(result)), isHalf_(result.dtype == DType::bfloat16) {}

  /// Runs `compute`, which writes all of `result`.
  template <class F>
  void keep(void* result, F compute) const {
    if (!view_) return compute();
    clearInvalid();
    compute();
    // products of bfloat16 raise no flag
    if (invalidTellsOfNaN && !isHalf_ && !isInvalidRaised()) return;
    if (isHalf_) {
      zeroPadding(*view_, static_cast<BFloat16*>(result));
    } else {
      zeroPadding(*view_, static_cast<float*>(result));
    }
  }

 private:
  std::optional<ChannelView> view_;  // nothing where no lane is padded
  bool isHalf_;
};

}  // namespace cnn::cpu

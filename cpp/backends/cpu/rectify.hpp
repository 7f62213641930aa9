// ReLU and ReLU6 over what another kernel wrote.
#pragma once

#include "ops/fused.hpp"

namespace cnn::cpu {

/// y = activation(y), NaN included; y has `bytes` bytes of float32 or bfloat16.
void rectify(Activation activation, DType dtype, void* y, std::size_t bytes);

}  // namespace cnn::cpu

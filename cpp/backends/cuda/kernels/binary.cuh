// The functions of two numbers, in the type in which they compute.
#pragma once

#include "device.cuh"
#include "ops/elementwise.hpp"

namespace cnn::cuda::kernels {

template <class C>
__device__ inline C arithmetic(BinaryFunction f, C a, C b) {
  if constexpr (std::is_same_v<C, std::int32_t>) {  // unsigned numbers wrap
    std::uint32_t u = static_cast<std::uint32_t>(a), v = static_cast<std::uint32_t>(b);
    switch (f) {
      case BinaryFunction::add: return static_cast<C>(u + v);
      case BinaryFunction::sub: return static_cast<C>(u - v);
      case BinaryFunction::mul: return static_cast<C>(u * v);
      case BinaryFunction::maximum: return larger(a, b);
      default: return smaller(a, b);
    }
  } else {
    switch (f) {
      case BinaryFunction::add: return a + b;
      case BinaryFunction::sub: return a - b;
      case BinaryFunction::mul: return a * b;
      case BinaryFunction::div: return a / b;
      case BinaryFunction::pow: return pow(a, b);
      case BinaryFunction::maximum: return isNaN(a) ? a : isNaN(b) ? b : larger(a, b);
      default: return isNaN(a) ? a : isNaN(b) ? b : smaller(a, b);
    }
  }
}

}  // namespace cnn::cuda::kernels

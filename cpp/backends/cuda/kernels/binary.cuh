// The functions of two numbers, by the formulas of ops/functions.hpp, in the type in which they compute.
#pragma once

#include "device.cuh"
#include "math.cuh"
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
      case BinaryFunction::minimum: return smaller(a, b);
      case BinaryFunction::div:
      case BinaryFunction::pow: break;  // of floats alone
      case BinaryFunction::eq:
      case BinaryFunction::ne:
      case BinaryFunction::lt:
      case BinaryFunction::le:
      case BinaryFunction::gt:
      case BinaryFunction::ge:
      case BinaryFunction::logicalAnd:
      case BinaryFunction::logicalOr: break;  // see comparison
    }
    return a;
  } else {
    return formula::value<Library<C>>(f, a, b);
  }
}

}  // namespace cnn::cuda::kernels

// CUDA's mathematics as the formulas of ops/functions.hpp call it: C is float or double.
#pragma once

#include "device.cuh"
#include "ops/functions.hpp"

namespace cnn::cuda::kernels {

template <class C>
struct Library {
  static __device__ inline C exp(C x) { return ::exp(x); }
  static __device__ inline C expm1(C x) { return ::expm1(x); }
  static __device__ inline C log(C x) { return ::log(x); }
  static __device__ inline C log1p(C x) { return ::log1p(x); }
  static __device__ inline C tanh(C x) { return ::tanh(x); }
  static __device__ inline C erf(C x) { return ::erf(x); }
  static __device__ inline C normalCdf(C x) {
    return formula::half<C> * ::erfc(-x * formula::sqrtHalf<C>);
  }  // no cancellation where x is far below 0
  static __device__ inline C sqrt(C x) { return ::sqrt(x); }
  static __device__ inline C abs(C x) { return ::fabs(x); }
  static __device__ inline C pow(C x, C y) { return ::pow(x, y); }
  static __device__ inline C sin(C x) { return ::sin(x); }
  static __device__ inline C cos(C x) { return ::cos(x); }
  static __device__ inline C floor(C x) { return ::floor(x); }
  static __device__ inline C ceil(C x) { return ::ceil(x); }
  static __device__ inline C round(C x) { return ::rint(x); }
};

}  // namespace cnn::cuda::kernels

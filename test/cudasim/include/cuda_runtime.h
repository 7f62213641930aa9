// cuda_runtime.h for a .cu file that g++ compiles for the simulated device: the real header, and what the device's
// language has more. Every thread runs alone, so that __shared__ is static and atomics are plain.
#pragma once

#include_next <cuda_runtime.h>

#include <math.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "block/block.hpp"

#undef __shared__
#define __shared__ static
#undef __launch_bounds__
#define __launch_bounds__(...)

#define threadIdx (::cudasim::lane.threadIdx)
#define blockIdx (::cudasim::lane.blockIdx)
#define blockDim (::cudasim::lane.blockDim)
#define gridDim (::cudasim::lane.gridDim)
inline constexpr int warpSize = 32;

// ---- barriers and warps

inline void __syncthreads(::cudasim::Site site = ::cudasim::Site::current()) { ::cudasim::waitForBlock(site); }
inline void __syncwarp(unsigned mask = 0xffffffff, ::cudasim::Site site = ::cudasim::Site::current()) {
  ::cudasim::waitForWarp(mask, site);
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline unsigned __activemask() { return ::cudasim::activeLanes(); }

namespace cudasim {

template <class T>
T shuffle(unsigned mask, T value, int source, const Site& site) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  unsigned long long word = 0;
  std::memcpy(&word, &value, sizeof value);
  word = exchange(mask, word, source, site);
  std::memcpy(&value, &word, sizeof value);
  return value;
}

}  // namespace cudasim

// A source outside the segment of `width` lanes leaves a lane its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, ::cudasim::Site site = ::cudasim::Site::current()) {
  int lane = ::cudasim::laneNumber();
  return ::cudasim::shuffle(mask, value, lane / width * width + source % width, site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   ::cudasim::Site site = ::cudasim::Site::current()) {
  int lane = ::cudasim::laneNumber(), source = lane + static_cast<int>(delta);
  return ::cudasim::shuffle(mask, value, source < lane / width * width + width ? source : lane, site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 ::cudasim::Site site = ::cudasim::Site::current()) {
  int lane = ::cudasim::laneNumber(), source = lane - static_cast<int>(delta);
  return ::cudasim::shuffle(mask, value, source >= lane / width * width ? source : lane, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, ::cudasim::Site site = ::cudasim::Site::current()) {
  int lane = ::cudasim::laneNumber(), source = lane ^ bits;
  return ::cudasim::shuffle(mask, value, source < lane / width * width + width ? source : lane, site);
}

// ---- atomics

template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  T old = *address;
  *address = static_cast<T>(old + value);
  return old;
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  T old = *address;
  if (value > old) *address = value;
  return old;
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  T old = *address;
  if (value < old) *address = value;
  return old;
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  T old = *address;
  *address = value;
  return old;
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  T old = *address;
  if (old == expected) *address = value;
  return old;
}

// ---- functions of the device's language that <cmath> lacks

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float fdividef(float x, float y) { return x / y; }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return std::fma(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline float sinpif(float x) { return static_cast<float>(std::sin(3.14159265358979323846 * x)); }
inline float cospif(float x) { return static_cast<float>(std::cos(3.14159265358979323846 * x)); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x ? std::countr_zero(static_cast<unsigned>(x)) + 1 : 0; }
template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class A, class B>
  requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(b) < static_cast<T>(a) ? static_cast<T>(b) : static_cast<T>(a);
}
template <class A, class B>
  requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
}

// What all our kernels share: a thread's place in the grid, elements as numbers, four elements at a time, faults.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <math.h>  // exp, log, … of float and double alike

#include <cstdint>
#include <limits>
#include <type_traits>

#include "backends/cuda/fault.hpp"
#include "base/dims.hpp"
#include "base/dtype.hpp"

namespace cnn::cuda::kernels {

// ---- threads ------------------------------------------------------------------------------------------------------

/// The first element of this thread, and the step of the whole grid: for (Index i = gridIndex(); i < n; i +=
/// gridStep()).
__device__ inline Index gridIndex() { return static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline Index gridStep() { return static_cast<Index>(gridDim.x) * blockDim.x; }

// ---- numbers ------------------------------------------------------------------------------------------------------

template <class T>
inline constexpr bool isHalf = std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16>;

/// The type in which elements of T compute and add up.
template <class T>
using Compute = std::conditional_t<isHalf<T>, float, T>;

template <class T>
__device__ inline Compute<T> get(T value) {
  if constexpr (std::is_same_v<T, __half>) {
    return __half2float(value);
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return __bfloat162float(value);
  } else {
    return value;
  }
}

/// Rounds to nearest.
template <class T>
__device__ inline T put(Compute<T> value) {
  if constexpr (std::is_same_v<T, __half>) {
    return __float2half_rn(value);
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return __float2bfloat16_rn(value);
  } else {
    return value;
  }
}

template <class T>
inline constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T lowest = std::numeric_limits<T>::lowest();
template <class T>
inline constexpr T highest = std::numeric_limits<T>::max();

/// NaN takes part in no order, so it needs no library call.
template <class T>
__device__ inline bool isNaN(T value) {
  return value != value;
}

template <class T>
__device__ inline T smaller(T a, T b) {
  return b < a ? b : a;
}
template <class T>
__device__ inline T larger(T a, T b) {
  return a < b ? b : a;
}

// ---- several elements at a time -----------------------------------------------------------------------------------

/// n neighbours, loaded and stored by one instruction (two for four float64).
template <class T, int n = 4>
struct alignas(n * sizeof(T) < 16 ? n * sizeof(T) : 16) Pack {
  T at[n];
};

template <int n, class T>
__device__ inline Pack<T, n> loadFrom(const T* x) {
  return *reinterpret_cast<const Pack<T, n>*>(x);
}
template <int n, class T>
__device__ inline void storeTo(T* y, const Pack<T, n>& pack) {
  *reinterpret_cast<Pack<T, n>*>(y) = pack;
}

/// The i-th four.
template <class T>
__device__ inline Pack<T> loadPack(const T* x, Index i) {
  return loadFrom<4>(x + 4 * i);
}
template <class T>
__device__ inline void storePack(T* y, Index i, const Pack<T>& pack) {
  storeTo(y + 4 * i, pack);
}

/// Whole packs in `count` elements; none unless every pointer is aligned for them.
template <class... Pointers>
inline Index packsOf(Index count, const Pointers*... pointers) {
  bool aligned = ((reinterpret_cast<std::uintptr_t>(pointers) % alignof(Pack<Pointers>) == 0) && ...);
  return aligned ? count / 4 : 0;
}

// ---- faults -------------------------------------------------------------------------------------------------------

/// Keeps the first fault of all threads.
__device__ inline void report(FaultSink sink, FaultKind kind, Index value, Index bound, Index place = 0) {
  if (!sink.fault) return;
  if (atomicCAS(reinterpret_cast<int*>(&sink.fault->kind), static_cast<int>(FaultKind::none), static_cast<int>(kind)) !=
      0)
    return;
  sink.fault->site = sink.site;
  sink.fault->value = value;
  sink.fault->bound = bound;
  sink.fault->place = place;
}

// ---- from a type's name to the type, on the host --------------------------------------------------------------------

/// Calls `f(Type<T>{})` for the floating-point types.
template <class F>
void dispatchReal(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float64: return f(Type<double>{});
    case DType::float16: return f(Type<__half>{});
    case DType::bfloat16: return f(Type<__nv_bfloat16>{});
    case DType::float32: return f(Type<float>{});
    case DType::int32:
    case DType::uint8:
    case DType::boolean: break;  // shape rules let none of these through
  }
}

/// As dispatchReal, with int32 too.
template <class F>
void dispatchArithmetic(DType dtype, F&& f) {
  if (dtype == DType::int32) return f(Type<std::int32_t>{});
  dispatchReal(dtype, f);
}

/// Calls `f(Type<T>{})` with an unsigned type of `bytes`: where elements only move, their meaning does not matter.
template <class F>
void dispatchBytes(std::size_t bytes, F&& f) {
  switch (bytes) {
    case 8: return f(Type<std::uint64_t>{});
    case 4: return f(Type<std::uint32_t>{});
    case 2: return f(Type<std::uint16_t>{});
    default: return f(Type<std::uint8_t>{});
  }
}

}  // namespace cnn::cuda::kernels

// Sixteen floats (or eight, four or one) as one value, for loops whose running results must stay in registers.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

// Where the processor's vectors are shorter, passing them between functions would differ between compilers;
// all functions here are inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace cnn::cpu {

using Floats4 = float __attribute__((vector_size(16)));
using Floats8 = float __attribute__((vector_size(32)));
using Ints8 = std::int32_t __attribute__((vector_size(32)));
using Bytes8 = std::uint8_t __attribute__((vector_size(8)));
using Floats16 = float __attribute__((vector_size(64)));
using Ints16 = std::int32_t __attribute__((vector_size(64)));
using Bytes16 = std::uint8_t __attribute__((vector_size(16)));

/// `width` is 16, 8, 4 or 1.
template <int width>
using Floats =
    std::conditional_t<width == 16, Floats16,
                       std::conditional_t<width == 8, Floats8, std::conditional_t<width == 4, Floats4, float>>>;

/// Floats of one register of the processor that this is compiled for, and how many of those registers it has.
#if defined(__AVX512F__)
inline constexpr int registerFloats = 16, registers = 32;
#elif defined(__AVX__)
inline constexpr int registerFloats = 8, registers = 16;
#elif defined(__aarch64__)
inline constexpr int registerFloats = 4, registers = 32;
#else
inline constexpr int registerFloats = 4, registers = 16;
#endif
template <int width>
using Ints = std::conditional_t<width == 16, Ints16, std::conditional_t<width == 8, Ints8, std::int32_t>>;
template <int width>
using Bytes = std::conditional_t<width == 16, Bytes16, Bytes8>;

template <class Vector, class T>
inline Vector load(const T* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}

template <class Vector, class T>
inline void store(T* to, Vector vector) {
  std::memcpy(to, &vector, sizeof(vector));
}

template <int width>
inline Ints<width> loadBytes(const std::uint8_t* from) {
  if constexpr (width == 1) {
    return *from;
  } else {
    return __builtin_convertvector(load<Bytes<width>>(from), Ints<width>);
  }
}

template <int width>
inline void storeBytes(std::uint8_t* to, Ints<width> values) {
  if constexpr (width == 1) {
    *to = static_cast<std::uint8_t>(values);
  } else {
    store(to, __builtin_convertvector(values, Bytes<width>));
  }
}

inline float sumOf(Floats8 vector) {
  float sum = 0;
  for (int i = 0; i < 8; i++) sum += vector[i];
  return sum;
}

}  // namespace cnn::cpu

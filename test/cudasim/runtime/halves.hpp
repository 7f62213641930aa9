// float16 and bfloat16 to double and back, to the nearest, ties to even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace cudasim {

inline double halfToDouble(std::uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double sign = bits >> 15 ? -1.0 : 1.0;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  return exponent ? sign * std::ldexp(1024 + mantissa, exponent - 25) : sign * std::ldexp(mantissa, -24);
}

inline std::uint16_t doubleToHalf(double value) {
  auto sign = static_cast<std::uint16_t>(std::signbit(value) << 15);
  double size = std::fabs(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | 0x7e00);
  if (size >= 65520) return static_cast<std::uint16_t>(sign | 0x7c00);
  int exponent = size < std::ldexp(1, -14) ? -14 : std::ilogb(size);
  auto units =
      static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));  // 1024…2048, less below the smallest normal
  return static_cast<std::uint16_t>(sign + ((exponent + 14) << 10) + units);
}

inline double bfloat16ToDouble(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t doubleToBfloat16(double value) {
  if (std::isnan(value)) return 0x7fc0;
  auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace cudasim

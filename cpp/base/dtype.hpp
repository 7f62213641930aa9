// The element types of tensors and the C++ types that hold them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cnn {

enum class DType : std::uint8_t { float32, float64, bfloat16, float16, int32, uint8, boolean };

inline constexpr std::string_view dtypeNames[] = {"float32", "float64", "bfloat16", "float16",
                                                  "int32",   "uint8",   "bool"};

constexpr std::string_view toString(DType dtype) { return dtypeNames[static_cast<int>(dtype)]; }

/// Bytes of one element.
constexpr std::size_t sizeOf(DType dtype) {
  switch (dtype) {
    case DType::float64: return 8;
    case DType::float32:
    case DType::int32: return 4;
    case DType::bfloat16:
    case DType::float16: return 2;
    case DType::uint8:
    case DType::boolean: return 1;
  }
  return 0;
}

/// The types of two bytes: results are rounded to them, sums are made in float32.
constexpr bool isHalf(DType dtype) { return dtype == DType::bfloat16 || dtype == DType::float16; }
/// The types that a chain of sums may stay in: float32 everywhere, float64 on the reference backend.
constexpr bool isComputeFloat(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }
constexpr bool isFloat(DType dtype) { return isComputeFloat(dtype) || isHalf(dtype); }
/// The type in which values of this type are added up, and in which statistics of them are kept.
constexpr DType accumulationType(DType dtype) { return isHalf(dtype) ? DType::float32 : dtype; }
/// The types with arithmetic: int32 adds, subtracts, multiplies and compares, wrapping on overflow.
constexpr bool isNumber(DType dtype) { return isFloat(dtype) || dtype == DType::int32; }
/// The types that compare with each other and mean true or false.
constexpr bool isComparable(DType dtype) { return isNumber(dtype) || dtype == DType::uint8 || dtype == DType::boolean; }

/// bfloat16: the upper half of a float32, rounded to nearest even.
struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) {
    std::uint32_t u = std::bit_cast<std::uint32_t>(value);
    bool isNaN = (u & 0x7fffffffu) > 0x7f800000u;
    bits = isNaN ? static_cast<std::uint16_t>((u >> 16) | 0x40u)
                 : static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

/// IEEE half precision, rounded to nearest even, subnormals kept.
struct Float16 {
  std::uint16_t bits = 0;
  Float16() = default;
  explicit Float16(float value);
  explicit operator float() const;
};

inline Float16::Float16(float value) {
  std::uint32_t u = std::bit_cast<std::uint32_t>(value);
  std::uint32_t sign = (u >> 16) & 0x8000u;
  u &= 0x7fffffffu;
  if (u > 0x7f800000u) {  // NaN
    bits = static_cast<std::uint16_t>(sign | 0x7e00u);
  } else if (u >= 0x477ff000u) {  // rounds to infinity
    bits = static_cast<std::uint16_t>(sign | 0x7c00u);
  } else if (u < 0x38800000u) {  // subnormal half: let the float adder round at 2^-24
    float shifted = std::bit_cast<float>(u) + 0.5f;
    bits = static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  } else {
    std::uint32_t rounded = u + 0xfffu + ((u >> 13) & 1u);
    bits = static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
  }
}

inline Float16::operator float() const {
  std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  std::uint32_t exponent = (bits >> 10) & 0x1fu, mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

template <class T>
struct Type {
  using type = T;
};

/// Calls `f(Type<T>{})` with the C++ type of `dtype` (bool is stored as one byte, 0 or 1).
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float64: return f(Type<double>{});
    case DType::bfloat16: return f(Type<BFloat16>{});
    case DType::float16: return f(Type<Float16>{});
    case DType::int32: return f(Type<std::int32_t>{});
    case DType::uint8: return f(Type<std::uint8_t>{});
    case DType::boolean: return f(Type<bool>{});
    case DType::float32: break;
  }
  return f(Type<float>{});
}

/// Calls `f(Type<float>{})` or `f(Type<double>{})`; halves are widened before they come here.
template <class F>
decltype(auto) dispatchFloat(DType dtype, F&& f) {
  return dtype == DType::float64 ? f(Type<double>{}) : f(Type<float>{});
}

/// As dispatchFloat, for the types of isNumber.
template <class F>
decltype(auto) dispatchNumber(DType dtype, F&& f) {
  return dtype == DType::int32 ? f(Type<std::int32_t>{}) : dispatchFloat(dtype, f);
}

/// As dispatchFloat, for the types of isComparable.
template <class F>
decltype(auto) dispatchComparable(DType dtype, F&& f) {
  if (dtype == DType::uint8) return f(Type<std::uint8_t>{});
  if (dtype == DType::boolean) return f(Type<bool>{});
  return dispatchNumber(dtype, f);
}

}  // namespace cnn

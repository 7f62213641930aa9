// exp, log, tanh and erf in float32 without calls or branches, so that loops over them become vector code; a few ulp.
// The polynomials are minimax fits made for this file (errors are given beside them).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "ops/functions.hpp"

#define CNN_INLINE FORMULA

namespace cnn::cpu {

/// 2^n for −150 < n < 150, in two factors so that neither leaves the range of normal numbers.
CNN_INLINE float scaleByPowerOfTwo(float value, std::uint32_t n) {
  auto half = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) >> 1);
  float first = std::bit_cast<float>((half + 127u) << 23), second = std::bit_cast<float>((n - half + 127u) << 23);
  return value * first * second;
}

/// e^x.
CNN_INLINE float fastExp(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  constexpr float shifter = 12582912.0f;  // 1.5·2^23: adding it leaves the nearest integer in the low bits
  float shifted = x * 1.44269504f + shifter;
  std::uint32_t n = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(shifter);
  float whole = shifted - shifter;
  float r = x - whole * 0.693145752f;  // ln 2 in two parts: the first has few bits, so that the product is exact
  r = r - whole * 1.42860677e-6f;
  float q = 0.00138145988f;  // (e^r − 1 − r) / r², relative error 3e-9
  q = q * r + 0.00836871658f;
  q = q * r + 0.041668389f;
  q = q * r + 0.166665211f;
  q = q * r + 0.49999994f;
  return scaleByPowerOfTwo(1.0f + (r + r * r * q), n);
}

/// e^x − 1 without cancellation.
CNN_INLINE float fastExpm1(float x) {
  float y = fastExp(x) - 1.0f;
  // e^x − 1 = x + x²·q(x) for small x
  float q = 0.00138145988f;
  q = q * x + 0.00836871658f;
  q = q * x + 0.041668389f;
  q = q * x + 0.166665211f;
  q = q * x + 0.49999994f;
  float small = x + x * x * q;
  return (x < 0.34f) & (x > -0.34f) ? small : y;
}

/// Natural logarithm.
CNN_INLINE float fastLog(float x) {
  bool isTiny = x < std::numeric_limits<float>::min();
  float scaled = isTiny ? x * 8388608.0f : x;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(scaled) - 0x3f3504f3u;  // √½: the mantissa then lies in [√½, √2)
  auto exponent = static_cast<float>(static_cast<std::int32_t>(bits) >> 23) - (isTiny ? 23.0f : 0.0f);
  float m = std::bit_cast<float>((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float q = -0.0763449669f;  // (log(1 + m) − m + m²/2) / m³, relative error 6e-9
  q = q * m + 0.127615765f;
  q = q * m - 0.131601825f;
  q = q * m + 0.142017573f;
  q = q * m - 0.166233569f;
  q = q * m + 0.200012267f;
  q = q * m - 0.250008196f;
  q = q * m + 0.333333313f;
  float square = m * m;
  float y = exponent * 1.42860677e-6f + (square * m * q - 0.5f * square);
  y = exponent * 0.693145752f + (m + y);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  y = x == infinity ? infinity : y;
  y = x == 0.0f ? -infinity : y;
  return (x < 0.0f) | (x != x) ? std::numeric_limits<float>::quiet_NaN() : y;
}

/// log(1 + x) without cancellation: what rounding 1 + x loses is a factor of the result.
CNN_INLINE float fastLog1p(float x) {
  float w = 1.0f + x, y = fastLog(w);
  float result = y * (x / (w - 1.0f));
  result = w == 1.0f ? x : result;
  return w == std::numeric_limits<float>::infinity() ? w : result;
}

/// |magnitude| with the sign of `sign`, the magnitude being positive.
CNN_INLINE float withSign(float magnitude, float sign) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) |
                              (std::bit_cast<std::uint32_t>(sign) & 0x80000000u));
}

CNN_INLINE float fastTanh(float x) {
  float a = std::fabs(x), s = x * x;
  float q = -0.00552863348f;  // (tanh x / x − 1) / x² for |x| < 0.65, relative error 6e-9
  q = q * s + 0.0204833169f;
  q = q * s - 0.0536929667f;
  q = q * s + 0.133308992f;
  q = q * s - 0.333332628f;
  float small = x + x * s * q;
  float large = withSign(1.0f - 2.0f / (fastExp(2.0f * a) + 1.0f), x);
  return a < 0.65f ? small : large;
}

CNN_INLINE float fastErf(float x) {
  float a = std::fabs(x), s = x * x;
  float q = 7.85386073e-05f;  // erf x / x for |x| < 1, relative error 1e-9
  q = q * s - 0.000801019371f;
  q = q * s + 0.00518832775f;
  q = q * s - 0.0268538129f;
  q = q * s + 0.112835854f;
  q = q * s - 0.37612626f;
  q = q * s + 1.12837911f;
  float t = a > 4.0f ? 4.0f : a;  // erf 4 is 1 in float32
  float p = -0.000186379213f;     // −log(erfc t) for 1 ≤ t ≤ 4, error of erf 1e-9
  p = p * t + 0.00294765853f;
  p = p * t - 0.0218380652f;
  p = p * t + 0.103106759f;
  p = p * t + 0.638144851f;
  p = p * t + 1.12708914f;
  p = p * t + 0.000341522828f;
  float large = withSign(1.0f - fastExp(-p), x);
  return a < 1.0f ? x * q : x != x ? x : large;
}

/// These as the formulas of ops/functions.hpp call them.
struct VectorMath {
  static CNN_INLINE float exp(float x) { return fastExp(x); }
  static CNN_INLINE float expm1(float x) { return fastExpm1(x); }
  static CNN_INLINE float log(float x) { return fastLog(x); }
  static CNN_INLINE float log1p(float x) { return fastLog1p(x); }
  static CNN_INLINE float tanh(float x) { return fastTanh(x); }
  static CNN_INLINE float erf(float x) { return fastErf(x); }
  static CNN_INLINE float normalCdf(float x) { return 0.5f * (1 + fastErf(x * formula::sqrtHalf<float>)); }
  static CNN_INLINE float sqrt(float x) { return std::sqrt(x); }
  static CNN_INLINE float abs(float x) { return std::fabs(x); }
  static CNN_INLINE float pow(float x, float y) { return std::pow(x, y); }
  static CNN_INLINE float sin(float x) { return std::sin(x); }
  static CNN_INLINE float cos(float x) { return std::cos(x); }
  static CNN_INLINE float floor(float x) { return std::floor(x); }
  static CNN_INLINE float ceil(float x) { return std::ceil(x); }
  static CNN_INLINE float round(float x) { return std::nearbyint(x); }
};

}  // namespace cnn::cpu

// Type conversion: to float32, and from float32 to a half type (nearest, ties to even).
#ifdef __F16C__
#include <immintrin.h>
#endif

#include <algorithm>

#include "kernels.hpp"
#include "parallel.hpp"
#include "simd.hpp"

namespace cnn::cpu {

namespace {

template <class From, class To>
void convert(const From* x, To* y, Index count) {
#pragma omp simd
  for (Index i = 0; i < count; i++) y[i] = static_cast<To>(x[i]);
}

#ifdef __F16C__
// Eight at a time by one instruction; written out, float16 takes a branch for each kind of number.
void convert(const Float16* x, float* y, Index count) {
  Index i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  for (; i < count; i++) y[i] = static_cast<float>(x[i]);
}
void convert(const float* x, Float16* y, Index count) {
  Index i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  for (; i < count; i++) y[i] = static_cast<Float16>(x[i]);
}
#elif defined(__aarch64__)
// Every such processor converts by instructions.
void convert(const Float16* x, float* y, Index count) {
  for (Index i = 0; i < count; i++) y[i] = static_cast<float>(load<__fp16>(&x[i].bits));
}
void convert(const float* x, Float16* y, Index count) {
  for (Index i = 0; i < count; i++) store(&y[i].bits, static_cast<__fp16>(x[i]));
}
#endif

template <class From, class To>
KernelPtr make(const Signature& signature) {
  return makeKernel(signature, [count = signature.outputs[0].elements()](const Run& run) {
    const From* x = run.in<From>(0);
    To* y = run.out<To>(0);
    parallelFor(count, grainElements, [=](Index from, Index to) { convert(x + from, y + from, to - from); });
  });
}

}  // namespace

KernelPtr prepare(const Cast& op, const Signature& signature, Engine&) {
  const DType from = signature.inputs[0].dtype;
  if (op.dtype == DType::float32) {
    switch (from) {
      case DType::bfloat16: return make<BFloat16, float>(signature);
      case DType::float16: return make<Float16, float>(signature);
      case DType::int32: return make<std::int32_t, float>(signature);
      case DType::uint8:
      case DType::boolean: return make<std::uint8_t, float>(signature);
      default: return nullptr;
    }
  }
  if (from != DType::float32) return nullptr;
  if (op.dtype == DType::bfloat16) return make<float, BFloat16>(signature);
  return op.dtype == DType::float16 ? make<float, Float16>(signature) : nullptr;
}

}  // namespace cnn::cpu

// Constants, random numbers and dropout, element for element those of the reference backend: word i%4 of Philox block
// i/4.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/philox.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

// Blocks made together, word by word, so that their rounds run as vectors.
constexpr Index together = 16;

// words[4·b + w] is word w of block first + b.
void philoxBlocks(std::uint64_t seed, std::uint64_t offset, std::uint64_t first, std::uint32_t* words) {
  std::uint32_t c0[together], c1[together], c2[together], c3[together];
  for (Index b = 0; b < together; b++) {
    std::uint64_t index = first + static_cast<std::uint64_t>(b);
    c0[b] = static_cast<std::uint32_t>(index);
    c1[b] = static_cast<std::uint32_t>(index >> 32);
    c2[b] = static_cast<std::uint32_t>(offset);
    c3[b] = static_cast<std::uint32_t>(offset >> 32);
  }
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
#pragma omp simd
    for (Index b = 0; b < together; b++) {
      std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c0[b], product1 = std::uint64_t{0xCD9E8D57u} * c2[b];
      c0[b] = static_cast<std::uint32_t>(product1 >> 32) ^ c1[b] ^ key0;
      c1[b] = static_cast<std::uint32_t>(product1);
      c2[b] = static_cast<std::uint32_t>(product0 >> 32) ^ c3[b] ^ key1;
      c3[b] = static_cast<std::uint32_t>(product0);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (Index b = 0; b < together; b++) {
    words[4 * b] = c0[b];
    words[4 * b + 1] = c1[b];
    words[4 * b + 2] = c2[b];
    words[4 * b + 3] = c3[b];
  }
}

// Calls f(first element, words, count) for pieces of [0, count); a piece starts at a multiple of 4.
template <class F>
void forWords(Index seed, Index offset, Index count, F&& f) {
  constexpr Index piece = 4 * together;
  parallelFor((count + piece - 1) / piece, grainElements / piece / 8, [&](Index from, Index to) {
    std::uint32_t words[piece];
    for (Index i = from; i < to; i++) {
      philoxBlocks(static_cast<std::uint64_t>(seed), static_cast<std::uint64_t>(offset),
                   static_cast<std::uint64_t>(i * together), words);
      f(i * piece, words, std::min(piece, count - i * piece));
    }
  });
}

template <class T>
void fill(T* y, Index count, double value) {
  auto typed = static_cast<T>(value);
  parallelFor(count, 2 * grainElements, [=](Index from, Index to) { std::fill(y + from, y + to, typed); });
}

}  // namespace

KernelPtr prepare(const Fill& op, const Signature& signature, Engine&) {
  if (op.dtype != DType::float32) return nullptr;
  return makeKernel(signature, [count = signature.outputs[0].elements()](const Run& run) {
    fill(run.out<float>(0), count, std::get<Fill>(run.op).value);
  });
}

KernelPtr prepare(const Uniform& op, const Signature& signature, Engine&) {
  if (op.dtype != DType::float32) return nullptr;
  return makeKernel(signature, [count = signature.outputs[0].elements()](const Run& run) {
    const Uniform& uniform = std::get<Uniform>(run.op);
    double low = uniform.low, range = uniform.high - uniform.low;
    forWords(uniform.seed, uniform.offset, count, [&](Index first, const std::uint32_t* words, Index size) {
      float* y = run.out<float>(0) + first;
#pragma omp simd
      for (Index i = 0; i < size; i++)
        y[i] = static_cast<float>(low + range * static_cast<double>(uniformFloat(words[i])));
    });
  });
}

KernelPtr prepare(const Normal& op, const Signature& signature, Engine&) {
  if (op.dtype != DType::float32) return nullptr;
  return makeKernel(signature, [count = signature.outputs[0].elements()](const Run& run) {
    const Normal& normal = std::get<Normal>(run.op);
    forWords(normal.seed, normal.offset, count, [&](Index first, const std::uint32_t* words, Index size) {
      float* y = run.out<float>(0) + first;
      for (Index i = 0; i < size; i += 2) {
        double radius = std::sqrt(-2 * std::log(static_cast<double>(uniformFloatOpen(words[i]))));
        double angle = 2 * std::numbers::pi * static_cast<double>(uniformFloat(words[i + 1]));
        y[i] = static_cast<float>(normal.mean + normal.std * (radius * std::cos(angle)));
        if (i + 1 < size) y[i + 1] = static_cast<float>(normal.mean + normal.std * (radius * std::sin(angle)));
      }
    });
  });
}

KernelPtr prepare(const Dropout& op, const Signature& signature, Engine&) {
  const Dims& shape = signature.inputs[0].shape;
  if (signature.inputs[0].dtype != DType::float32 || op.channelwise) return nullptr;
  return inPlaceOf({0}, makeKernel(signature, [count = shape.product()](const Run& run) {
                     const Dropout& dropout = std::get<Dropout>(run.op);
                     // uniformFloat(word) ≥ p for whole numbers: word / 256 ≥ p·2²⁴
                     auto threshold = static_cast<std::int32_t>(std::clamp(std::ceil(dropout.p * 0x1p24), 0.0, 0x1p24));
                     auto scale = static_cast<float>(1 / (1 - dropout.p));
                     forWords(dropout.seed, dropout.offset, count,
                              [&](Index first, const std::uint32_t* words, Index size) {
                                const float* x = run.in<float>(0) + first;
                                float* y = run.out<float>(0) + first;
#pragma omp simd
                                for (Index i = 0; i < size; i++)
                                  y[i] = static_cast<std::int32_t>(words[i] >> 8) >= threshold ? x[i] * scale : 0.0f;
                              });
                   }));
}

}  // namespace cnn::cpu

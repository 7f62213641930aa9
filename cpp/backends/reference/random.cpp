// Constants and random numbers; see ops/random.hpp for which number comes from where.
#include <numbers>

#include "base/philox.hpp"
#include "loops.hpp"

namespace cnn::reference {
namespace {

PhiloxBlock blockOf(Index seed, Index offset, Index index) {
  return philox(static_cast<std::uint64_t>(seed), static_cast<std::uint64_t>(offset),
                static_cast<std::uint64_t>(index));
}

/// Calls `f(i, word of element i)` for count elements.
template <class F>
void forEachWord(Index seed, Index offset, Index count, F f) {
  for (Index i = 0; i < count; i += 4) {
    PhiloxBlock block = blockOf(seed, offset, i / 4);
    for (Index j = i; j < std::min(i + 4, count); j++) f(j, block[static_cast<std::size_t>(j - i)]);
  }
}

/// An element of a permutation before it is sorted.
struct Ranked {
  std::uint64_t key;
  std::int32_t value;
};

}  // namespace

KernelPtr prepare(const Fill& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatch(op.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature, [=](const Run& run) { std::fill_n(run.out<T>(0), count, narrow<T>(std::get<Fill>(run.op).value)); });
  });
}

KernelPtr prepare(const Uniform& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatch(op.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const Uniform& uniform = std::get<Uniform>(run.op);
      T* y = run.out<T>(0);
      forEachWord(uniform.seed, uniform.offset, count, [&](Index i, std::uint32_t word) {
        y[i] = narrow<T>(uniform.low + (uniform.high - uniform.low) * static_cast<double>(uniformFloat(word)));
      });
    });
  });
}

KernelPtr prepare(const Normal& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatch(op.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const Normal& normal = std::get<Normal>(run.op);
      T* y = run.out<T>(0);
      double radius = 0, angle = 0;
      for (Index i = 0; i < count; i++) {
        if (i % 2 == 0) {  // a pair of words makes a pair of elements
          PhiloxBlock block = blockOf(normal.seed, normal.offset, i / 4);
          std::size_t word = static_cast<std::size_t>(i % 4);
          radius = std::sqrt(-2 * std::log(static_cast<double>(uniformFloatOpen(block[word]))));
          angle = 2 * std::numbers::pi * static_cast<double>(uniformFloat(block[word + 1]));
        }
        double z = radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
        y[i] = narrow<T>(normal.mean + normal.std * z);
      }
    });
  });
}

KernelPtr prepare(const Permutation& op, const Signature& signature) {
  Index n = op.n;
  return makeKernel(
      signature,
      [=](const Run& run) {
        const Permutation& permutation = std::get<Permutation>(run.op);
        Ranked* ranked = static_cast<Ranked*>(run.workspace);
        for (Index i = 0; i < n; i++) {
          PhiloxBlock block = blockOf(permutation.seed, permutation.offset, i);
          ranked[i] = {static_cast<std::uint64_t>(block[0]) << 32 | block[1], static_cast<std::int32_t>(i)};
        }
        std::sort(ranked, ranked + n,
                  [](const Ranked& a, const Ranked& b) { return a.key != b.key ? a.key < b.key : a.value < b.value; });
        for (Index i = 0; i < n; i++) run.out<std::int32_t>(0)[i] = ranked[i].value;
      },
      static_cast<std::size_t>(n) * sizeof(Ranked));
}

KernelPtr prepare(const Dropout& op, const Signature& signature) {
  const Dims& shape = signature.inputs[0].shape;
  Index count = op.channelwise ? shape.slice(0, 2).product() : shape.product();  // words
  Index length = op.channelwise ? shape.slice(2).product() : 1;                  // elements of each
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return inPlaceOf({0}, makeKernel(signature, [=](const Run& run) {
                       const Dropout& dropout = std::get<Dropout>(run.op);
                       const T* x = run.in<T>(0);
                       T* y = run.out<T>(0);
                       forEachWord(dropout.seed, dropout.offset, count, [&](Index i, std::uint32_t word) {
                         bool isKept = static_cast<double>(uniformFloat(word)) >= dropout.p;
                         for (Index j = i * length; j < (i + 1) * length; j++) {
                           y[j] = isKept ? static_cast<T>(static_cast<double>(x[j]) / (1 - dropout.p)) : T(0);
                         }
                       });
                     }));
  });
}

}  // namespace cnn::reference

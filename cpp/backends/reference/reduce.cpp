// Reductions: each output element walks over the reduced axes of x. Floats add up in double, int32 in 64 bits.
#include <algorithm>

#include "loops.hpp"
#include "ops/reduce.hpp"

namespace cnn::reference {
namespace {

/// What a reduction holds while it runs.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

template <class A>
A startOf(ReduceFunction f) {
  using Limits = std::numeric_limits<A>;
  switch (f) {
    case ReduceFunction::max: return Limits::has_infinity ? -Limits::infinity() : Limits::min();
    case ReduceFunction::min: return Limits::has_infinity ? Limits::infinity() : Limits::max();
    case ReduceFunction::prod: return 1;
    case ReduceFunction::sum:
    case ReduceFunction::mean: break;
  }
  return 0;
}

template <class A>
A combine(ReduceFunction f, A held, A next) {
  if constexpr (std::is_floating_point_v<A>) {
    switch (f) {
      case ReduceFunction::max: return next > held || std::isnan(next) ? next : held;  // a NaN once held stays
      case ReduceFunction::min: return next < held || std::isnan(next) ? next : held;
      case ReduceFunction::prod: return held * next;
      case ReduceFunction::sum:
      case ReduceFunction::mean: break;
    }
  } else {
    switch (f) {
      case ReduceFunction::max: return std::max(held, next);
      case ReduceFunction::min: return std::min(held, next);
      case ReduceFunction::prod: return std::clamp(held * next, -beyondInt32, beyondInt32);
      case ReduceFunction::sum:
      case ReduceFunction::mean: break;
    }
  }
  return held + next;
}

/// Whether `next` takes the place of `held` as the first greatest (or least); a NaN counts as both.
template <class T>
bool winsOver(bool max, T next, T held) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(held)) return false;
    if (std::isnan(next)) return true;
  }
  return max ? next > held : next < held;
}

/// The results of a reduction, and from each of them the elements that it is made of.
struct ReduceWalk {
  Walk<1> kept, reduced;
  Index results, count;  // of elements for each result

  static ReduceWalk of(const Dims& shape, const Dims& axes) {
    Dims strides = stridesOf(shape), keptShape, keptStrides, reducedShape, reducedStrides;
    for (int axis = 0; axis < shape.size(); axis++) {
      bool isReduced = axes.empty() || axes.contains(axis);
      (isReduced ? reducedShape : keptShape).push(shape[axis]);
      (isReduced ? reducedStrides : keptStrides).push(strides[axis]);
    }
    return {Walk<1>(keptShape, {keptStrides}), Walk<1>(reducedShape, {reducedStrides}), keptShape.product(),
            reducedShape.product()};
  }
};

}  // namespace

KernelPtr prepare(const Reduce& op, const Signature& signature) {
  const Dims& shape = signature.inputs[0].shape;
  const ReduceWalk walks = ReduceWalk::of(shape, op.axes);
  const Walk<1> kept = walks.kept, reduced = walks.reduced;
  const Index count = walks.count;
  ReduceFunction f = op.function;
  bool isExtreme = f == ReduceFunction::max || f == ReduceFunction::min;
  if (isExtreme && count == 0 && walks.results > 0) {
    fail(ErrorKind::value, enumName(f), ": no elements in ", shape, ", expected at least one");
  }
  return dispatchNumber(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    using A = Accumulator<T>;
    return makeKernel(signature, [=](const Run& run) {
      T* y = run.out<T>(0);
      kept.forEachRow([&](const auto& begin) {
        for (Index k = 0; k < kept.length(); k++) {
          const T* x = run.in<T>(0) + begin[0] + k * kept.step(0);
          A held = startOf<A>(f);
          reduced.forEachRow([&](const auto& at) {
            for (Index i = 0; i < reduced.length(); i++) {
              held = combine(f, held, static_cast<A>(x[at[0] + i * reduced.step(0)]));
            }
          });
          if (f == ReduceFunction::mean) held /= static_cast<A>(count);
          if constexpr (std::is_integral_v<T>) {
            if (std::abs(held) >= beyondInt32 || held != static_cast<T>(held)) {
              fail(ErrorKind::value, enumName(f), ": the result is beyond int32; cast x to float64 first");
            }
          }
          *y++ = static_cast<T>(held);
        }
      });
    });
  });
}

// The mean moves with each element, so that of equal elements it is that element to the last digit, and their variance
// 0.
KernelPtr prepare(const Variance& op, const Signature& signature) {
  const ReduceWalk walks = ReduceWalk::of(signature.inputs[0].shape, op.axes);
  const double freedom = std::max(0.0, static_cast<double>(walks.count) - op.correction);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=, root = op.root](const Run& run) {
      const Walk<1>&kept = walks.kept, &reduced = walks.reduced;
      T *y = run.out<T>(0), *means = run.out<T>(1);
      kept.forEachRow([&](const auto& begin) {
        for (Index k = 0; k < kept.length(); k++) {
          const T* x = run.in<T>(0) + begin[0] + k * kept.step(0);
          auto forEach = [&](auto use) {
            reduced.forEachRow([&](const auto& at) {
              for (Index i = 0; i < reduced.length(); i++) use(static_cast<double>(x[at[0] + i * reduced.step(0)]));
            });
          };
          double mean = 0, sum = 0, seen = 0, squares = 0;
          forEach([&](double each) {
            seen++;
            sum += each;
            mean += each / seen - mean / seen;
          });
          if (!std::isfinite(mean)) mean = sum / seen;
          forEach([&](double each) { squares += (each - mean) * (each - mean); });
          double variance = squares / freedom;
          *y++ = static_cast<T>(root ? std::sqrt(variance) : variance);
          *means++ = static_cast<T>(mean);
        }
      });
    });
  });
}

KernelPtr prepare(const ArgReduce& op, const Signature& signature) {
  const TensorDesc& x = signature.inputs[0];
  Split split = op.axis < 0 ? Split(Dims{x.elements()}, 0) : Split(x.shape, op.axis);
  if (split.size == 0 && split.outer * split.inner > 0) {
    fail(ErrorKind::value, op.max ? "argmax" : "argmin", ": no elements in ", x.shape, ", expected at least one");
  }
  return dispatchComparable(x.dtype, [&, max = op.max]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      std::int32_t* y = run.out<std::int32_t>(0);
      for (Index outer = 0; outer < split.outer; outer++) {
        for (Index inner = 0; inner < split.inner; inner++) {
          const T* x = run.in<T>(0) + outer * split.size * split.inner + inner;
          Index best = 0;
          for (Index i = 1; i < split.size; i++) {
            if (winsOver(max, x[i * split.inner], x[best * split.inner])) best = i;
          }
          *y++ = static_cast<std::int32_t>(best);
        }
      }
    });
  });
}

}  // namespace cnn::reference

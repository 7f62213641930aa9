// Reductions: each output element walks over the reduced axes of x. Floats add up in double, int32 in 64 bits, wrapping.
#include "loops.hpp"

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
    default: return 0;
  }
}

template <class A>
A combine(ReduceFunction f, A held, A next) {
  if constexpr (std::is_floating_point_v<A>) {
    switch (f) {
      case ReduceFunction::max: return next > held || std::isnan(next) ? next : held;  // a NaN once held stays
      case ReduceFunction::min: return next < held || std::isnan(next) ? next : held;
      case ReduceFunction::prod: return held * next;
      default: return held + next;
    }
  } else {
    using Wrapping = std::uint64_t;
    switch (f) {
      case ReduceFunction::max: return std::max(held, next);
      case ReduceFunction::min: return std::min(held, next);
      case ReduceFunction::prod: return static_cast<A>(static_cast<Wrapping>(held) * static_cast<Wrapping>(next));
      default: return static_cast<A>(static_cast<Wrapping>(held) + static_cast<Wrapping>(next));
    }
  }
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

}  // namespace

KernelPtr prepare(const Reduce& op, const Signature& signature) {
  const Dims& shape = signature.inputs[0].shape;
  Dims strides = stridesOf(shape), keptShape, keptStrides, reducedShape, reducedStrides;
  for (int axis = 0; axis < shape.size(); axis++) {
    bool isReduced = op.axes.empty() || op.axes.contains(axis);
    (isReduced ? reducedShape : keptShape).push(shape[axis]);
    (isReduced ? reducedStrides : keptStrides).push(strides[axis]);
  }
  Walk<1> kept(keptShape, {keptStrides}), reduced(reducedShape, {reducedStrides});
  Index count = reducedShape.product();
  ReduceFunction f = op.function;
  bool isExtreme = f == ReduceFunction::max || f == ReduceFunction::min;
  if (isExtreme && count == 0 && keptShape.product() > 0) {
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
          *y++ = static_cast<T>(held);
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

// Functions of one and two tensors as vector loops, in whatever layout their inputs share.
#include "channels.hpp"
#include "functions.hpp"
#include "kernels.hpp"
#include "sweep.hpp"

namespace cnn::cpu {

namespace {

// The layout for a kernel that keeps it: as the tensor lies, if it can be walked (and its padded lanes made zero
// again).
TensorDesc keepable(const Engine& engine, TensorDesc desc) {
  if (!desc.layout.isPlain() && engine.isPadded(desc) && !engine.view(desc)) desc.layout = {};
  return desc;
}

std::size_t storedElements(const Engine& engine, const TensorDesc& desc) {
  return static_cast<std::size_t>(desc.layout.isPlain() ? desc.elements()
                                                        : paddedElements(engine.format(desc), desc.shape));
}

}  // namespace

KernelPtr prepare(const Unary& op, const Signature& signature, Engine& engine) {
  if (signature.inputs[0].dtype != DType::float32 || signature.outputs[0].dtype != DType::float32) return nullptr;
  TensorDesc x = keepable(engine, signature.inputs[0]);
  return withFunction<KernelPtr>(op, [&](auto f) -> KernelPtr {
    auto count = static_cast<Index>(storedElements(engine, x));
    auto padded = f(0.0f) == 0.0f ? std::nullopt : engine.paddedView(x);
    auto kernel =
        makeKernel(signature, [f, count, padded, grain = grainElements / weightOf(op.function)](const Run& run) {
          const float* x = run.in<float>(0);
          float* y = run.out<float>(0);
          parallelFor(count, grain, [=](Index from, Index to) {
#pragma omp simd
            for (Index i = from; i < to; i++) y[i] = f(x[i]);
          });
          if (padded) zeroPadding(*padded, y);
        });
    kernel->inputLayouts = {x.layout};
    kernel->inPlace = {0};
    kernel->outputs[0].layout = x.layout;
    return kernel;
  });
}

KernelPtr prepare(const UnaryBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc &dy = signature.inputs[0], &v = signature.inputs[1];
  if (dy.dtype != DType::float32) return nullptr;
  bool hasValue = v.defined;
  // dx goes to what made x: its layout is worth more than dy's.
  TensorDesc chosen = keepable(engine, hasValue && !v.layout.isPlain() ? v : dy);
  return withGradient<KernelPtr>(op, [&](auto g) -> KernelPtr {
    auto count = static_cast<Index>(storedElements(engine, chosen));
    auto padded = g(0.0f, 0.0f) == 0.0f ? std::nullopt : engine.paddedView(chosen);
    auto kernel = makeKernel(
        signature, [g, count, padded, hasValue, grain = grainElements / weightOf(op.function)](const Run& run) {
          const float* dy = run.in<float>(0);
          const float* v = hasValue ? run.in<float>(1) : dy;
          float* dx = run.out<float>(0);
          parallelFor(count, grain, [=](Index from, Index to) {
#pragma omp simd
            for (Index i = from; i < to; i++) dx[i] = g(dy[i], v[i]);
          });
          if (padded) zeroPadding(*padded, dx);
        });
    kernel->inputLayouts = {chosen.layout, hasValue ? chosen.layout : Layout{}};
    kernel->inPlace = {0, 1};
    kernel->outputs[0].layout = chosen.layout;
    return kernel;
  });
}

namespace {

// How a binary kernel walks its inputs, and in which layouts.
struct BinaryPlan {
  Sweep<2> sweep;
  std::vector<Layout> layouts;
  TensorDesc output;
};

// Same shapes in one layout; or one shape and one number; or an activation and a number for each channel (or each
// channel of each sample); else plain with broadcasting.
BinaryPlan planBinary(Engine& engine, const TensorDesc& a, const TensorDesc& b, TensorDesc output) {
  const TensorDesc* full[2] = {&a, &b};
  for (int side = 0; side < 2; side++) {
    const TensorDesc &big = *full[side], &small = *full[1 - side];
    if (big.shape != output.shape || big.layout.isPlain()) continue;
    auto view = engine.view(big);
    if (!view) continue;
    output.layout = big.layout;
    auto layouts = [&](Layout other) {
      return side == 0 ? std::vector{big.layout, other} : std::vector{other, big.layout};
    };
    Index count = view->elements();
    if (small.shape == big.shape) return {Sweep<2>(Dims{count}, {Dims{1}, Dims{1}}), layouts(big.layout), output};
    Dims sizes{view->batch, view->blocks, view->positions, view->lanes}, own = stridesOf(sizes),
                                                                         other = Dims::filled(4, 0);
    if (small.elements() != 1) {
      Dims shape = small.shape;
      while (shape.size() < big.rank()) shape.insert(0, 1);
      bool isPerChannel = shape[1] == view->channels && shape.slice(2).product() == 1 && !view->isPadded();
      if (!isPerChannel) continue;
      other = Dims{shape[0] == 1 ? 0 : view->channels, view->lanes, 0, 1};
    }
    Sweep<2> sweep = side == 0 ? Sweep<2>(sizes, {own, other}) : Sweep<2>(sizes, {other, own});
    return {sweep, layouts(Layout{}), output};
  }
  output.layout = {};
  return {Sweep<2>(output.shape, {broadcastStrides(a.shape, output.shape), broadcastStrides(b.shape, output.shape)}),
          {Layout{}, Layout{}},
          output};
}

}  // namespace

KernelPtr prepare(const Binary& op, const Signature& signature, Engine& engine) {
  const TensorDesc &a = signature.inputs[0], &b = signature.inputs[1];
  if (a.dtype != DType::float32 || signature.outputs[0].elements() == 0) return nullptr;
  BinaryPlan plan = isComparison(op.function) ? planBinary(engine, TensorDesc(a.dtype, a.shape),
                                                           TensorDesc(b.dtype, b.shape), signature.outputs[0])
                                              : planBinary(engine, a, b, signature.outputs[0]);
  auto make = [&](auto f) -> KernelPtr {
    using Result = decltype(f(0.0f, 0.0f));
    auto padded = engine.paddedView(plan.output);
    auto kernel = makeKernel(signature, [f, sweep = plan.sweep, padded](const Run& run) {
      const float *a = run.in<float>(0), *b = run.in<float>(1);
      Result* y = run.out<Result>(0);
      sweep.run([=](Index at, std::array<Index, 2> offsets, std::array<bool, 2> steps, Index count) {
        const float *from = a + offsets[0], *other = b + offsets[1];
        Result* target = y + at;
        if (steps[0] && steps[1]) {
#pragma omp simd
          for (Index i = 0; i < count; i++) target[i] = f(from[i], other[i]);
        } else if (steps[0]) {
          float value = *other;
#pragma omp simd
          for (Index i = 0; i < count; i++) target[i] = f(from[i], value);
        } else {
          float value = *from;
#pragma omp simd
          for (Index i = 0; i < count; i++) target[i] = f(value, other[i * (steps[1] ? 1 : 0)]);
        }
      });
      if (padded) zeroPadding(*padded, y);
    });
    kernel->inputLayouts = plan.layouts;
    kernel->inPlace = {0, 1};
    kernel->outputs = {plan.output};
    return kernel;
  };
  return isComparison(op.function) ? withComparison<KernelPtr>(op.function, make) : withFunction<KernelPtr>(op, make);
}

}  // namespace cnn::cpu

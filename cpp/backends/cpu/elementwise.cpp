// Functions of one and two tensors as vector loops, in whatever layout their inputs share.
#include <cmath>
#include <numbers>

#include "channels.hpp"
#include "kernels.hpp"
#include "sweep.hpp"
#include "vector_math.hpp"

namespace cnn::cpu {

namespace {

using F = UnaryFunction;

constexpr float sqrtHalf = std::numbers::sqrt2_v<float> / 2;
constexpr float inverseSqrtTau = 0.3989422804f;       // 1/√(2π)
constexpr float geluScale = 0.7978845608f;            // √(2/π)
constexpr float geluCubic = 0.044715f;

// Calls use(f), f being the function of one number, and gives what `use` gives; null for what has no vector code.
template <class Use>
KernelPtr withFunction(const Unary& op, Use use) {
  auto alpha = static_cast<float>(op.alpha), beta = static_cast<float>(op.beta);
  switch (op.function) {
    case F::relu: return use([](float x) { return x <= 0 ? 0.0f : x; });
    case F::relu6: return use([](float x) { return x <= 0 ? 0.0f : x >= 6 ? 6.0f : x; });
    case F::leakyRelu: return use([alpha](float x) { return x > 0 ? x : alpha * x; });
    case F::elu: return use([alpha](float x) { return x > 0 ? x : alpha * fastExpm1(x); });
    case F::gelu: return use([](float x) { return 0.5f * x * (1 + fastErf(x * sqrtHalf)); });
    case F::geluTanh: return use([](float x) { return x * fastSigmoid(2 * geluScale * (x + geluCubic * x * x * x)); });  // (1 + tanh u)/2 = sigmoid 2u
    case F::silu: return use([](float x) { return x * fastSigmoid(x); });
    case F::sigmoid: return use([](float x) { return fastSigmoid(x); });
    case F::hardsigmoid: return use([](float x) { return x <= -3 ? 0.0f : x >= 3 ? 1.0f : (x + 3) / 6; });
    case F::hardswish: return use([](float x) { return x <= -3 ? 0.0f : x >= 3 ? x : x * (x + 3) / 6; });
    case F::tanh: return use([](float x) { return fastTanh(x); });
    case F::exp: return use([](float x) { return fastExp(x); });
    case F::log: return use([](float x) { return fastLog(x); });
    case F::sqrt: return use([](float x) { return std::sqrt(x); });
    case F::rsqrt: return use([](float x) { return 1 / std::sqrt(x); });
    case F::abs: return use([](float x) { return std::fabs(x); });
    case F::neg: return use([](float x) { return -x; });
    case F::square: return use([](float x) { return x * x; });
    case F::reciprocal: return use([](float x) { return 1 / x; });
    case F::affine: return use([alpha, beta](float x) { return alpha * x + beta; });
    case F::clamp: return use([alpha, beta](float x) {
        float y = x < alpha ? alpha : x;
        return y > beta ? beta : y;
      });
    case F::powScalar:
      if (alpha == 2) return use([](float x) { return x * x; });
      if (alpha == 3) return use([](float x) { return x * x * x; });
      if (alpha == 0.5f) return use([](float x) { return std::sqrt(x); });
      if (alpha == -1) return use([](float x) { return 1 / x; });
      return use([alpha](float x) { return std::pow(x, alpha); });
    case F::softplus: return use([alpha, beta](float x) { return x * alpha > beta ? x : fastSoftplus(x * alpha) / alpha; });
    case F::sign: return use([](float x) { return static_cast<float>(x > 0) - static_cast<float>(x < 0); });
    case F::sin: return use([](float x) { return std::sin(x); });
    case F::cos: return use([](float x) { return std::cos(x); });
    case F::log1p: return use([](float x) { return fastLog1p(x); });
    case F::floor: return use([](float x) { return std::floor(x); });
    case F::ceil: return use([](float x) { return std::ceil(x); });
    case F::round: return use([](float x) { return std::nearbyint(x); });
    case F::expm1: return use([](float x) { return fastExpm1(x); });
    case F::erf: return use([](float x) { return fastErf(x); });
    default: return nullptr;
  }
}

// Calls use(g), g(dy, v) being the gradient.
template <class Use>
KernelPtr withGradient(const UnaryBackward& op, Use use) {
  auto alpha = static_cast<float>(op.alpha), beta = static_cast<float>(op.beta);
  switch (op.function) {
    case F::relu: return use([](float dy, float y) { return y <= 0 ? 0.0f : dy; });
    case F::relu6: return use([](float dy, float y) { return (y <= 0) | (y >= 6) ? 0.0f : dy; });
    case F::leakyRelu: return use([alpha](float dy, float x) { return x > 0 ? dy : alpha * dy; });
    case F::elu: return use([alpha](float dy, float x) { return x > 0 ? dy : dy * alpha * fastExp(x); });
    case F::gelu:
      return use([](float dy, float x) {
        float density = inverseSqrtTau * fastExp(-0.5f * x * x);
        return dy * (0.5f * (1 + fastErf(x * sqrtHalf)) + x * density);
      });
    case F::geluTanh:
      return use([](float dy, float x) {
        float s = fastSigmoid(2 * geluScale * (x + geluCubic * x * x * x));
        return dy * (s + x * s * (1 - s) * 2 * geluScale * (1 + 3 * geluCubic * x * x));
      });
    case F::silu:
      return use([](float dy, float x) {
        float s = fastSigmoid(x);
        return dy * (s * (1 + x * (1 - s)));
      });
    case F::sigmoid: return use([](float dy, float y) { return dy * (y * (1 - y)); });
    case F::hardsigmoid: return use([](float dy, float x) { return (x > -3) & (x < 3) ? dy / 6 : 0.0f; });
    case F::tanh: return use([](float dy, float y) { return dy * (1 - y * y); });
    case F::exp: return use([](float dy, float y) { return dy * y; });
    case F::log: return use([](float dy, float x) { return dy / x; });
    case F::sqrt: return use([](float dy, float y) { return dy / (2 * y); });
    case F::rsqrt: return use([](float dy, float y) { return dy * (-0.5f * y * y * y); });
    case F::square: return use([](float dy, float x) { return dy * (2 * x); });
    case F::reciprocal: return use([](float dy, float y) { return dy * (-y * y); });
    case F::clamp: return use([alpha, beta](float dy, float x) { return (x >= alpha) & (x <= beta) ? dy : 0.0f; });
    case F::hardswish: return use([](float dy, float x) { return x <= -3 ? 0.0f : x < 3 ? dy * (x / 3 + 0.5f) : dy; });
    case F::softplus: return use([alpha, beta](float dy, float x) { return x * alpha > beta ? dy : dy * fastSigmoid(x * alpha); });
    case F::abs: return use([](float dy, float x) { return x > 0 ? dy : x < 0 ? -dy : 0.0f; });
    case F::powScalar:
      if (alpha == 2) return use([](float dy, float x) { return dy * 2 * x; });
      if (alpha == 3) return use([](float dy, float x) { return dy * 3 * x * x; });
      if (alpha == 0.5f) return use([](float dy, float x) { return dy * (0.5f / std::sqrt(x)); });
      if (alpha == 0) return use([](float, float) { return 0.0f; });
      return use([alpha](float dy, float x) { return dy * alpha * std::pow(x, alpha - 1); });
    case F::sin: return use([](float dy, float x) { return dy * std::cos(x); });
    case F::cos: return use([](float dy, float x) { return -dy * std::sin(x); });
    case F::log1p: return use([](float dy, float x) { return dy / (1 + x); });
    case F::neg: return use([](float dy, float) { return -dy; });
    case F::affine: return use([alpha](float dy, float) { return alpha * dy; });
    case F::expm1: return use([](float dy, float x) { return dy * fastExp(x); });
    case F::erf: return use([](float dy, float x) { return dy * (1.1283791671f * fastExp(-x * x)); });
    default: return nullptr;
  }
}

// Calls use(f), f(a, b) being the function.
template <class Use>
KernelPtr withFunction(const Binary& op, Use use) {
  using B = BinaryFunction;
  switch (op.function) {
    case B::add: return use([](float a, float b) { return a + b; });
    case B::sub: return use([](float a, float b) { return a - b; });
    case B::mul: return use([](float a, float b) { return a * b; });
    case B::div: return use([](float a, float b) { return a / b; });
    case B::maximum: return use([](float a, float b) { return (a > b) | (a != a) ? a : b; });
    case B::minimum: return use([](float a, float b) { return (a < b) | (a != a) ? a : b; });
    case B::pow: return use([](float a, float b) { return std::pow(a, b); });
    case B::eq: return use([](float a, float b) { return a == b; });
    case B::ne: return use([](float a, float b) { return a != b; });
    case B::lt: return use([](float a, float b) { return a < b; });
    case B::le: return use([](float a, float b) { return a <= b; });
    case B::gt: return use([](float a, float b) { return a > b; });
    case B::ge: return use([](float a, float b) { return a >= b; });
    default: return nullptr;
  }
}

// Work per element, in light operations: what decides from where on a second thread pays.
Index weightOf(F function) {
  switch (function) {
    case F::elu: case F::gelu: case F::geluTanh: case F::silu: case F::sigmoid: case F::tanh: case F::exp: case F::log: case F::expm1:
    case F::erf: case F::softplus: case F::log1p: return 8;
    case F::sin: case F::cos: case F::powScalar: return 24;
    default: return 1;
  }
}

// The layout for a kernel that keeps it: as the tensor lies, if it can be walked (and its padded lanes made zero again).
TensorDesc keepable(const Engine& engine, TensorDesc desc) {
  if (!desc.layout.isPlain() && engine.isPadded(desc) && !engine.view(desc)) desc.layout = {};
  return desc;
}

// The view of a padded tensor whose lanes must be made zero after the kernel, else nothing.
std::optional<ChannelView> paddedView(const Engine& engine, const TensorDesc& desc) {
  return engine.isPadded(desc) ? engine.view(desc) : std::nullopt;
}

std::size_t storedElements(const Engine& engine, const TensorDesc& desc) {
  return static_cast<std::size_t>(desc.layout.isPlain() ? desc.elements() : paddedElements(engine.format(desc), desc.shape));
}

}  // namespace

KernelPtr prepare(const Unary& op, const Signature& signature, Engine& engine) {
  if (signature.inputs[0].dtype != DType::float32 || signature.outputs[0].dtype != DType::float32) return nullptr;
  TensorDesc x = keepable(engine, signature.inputs[0]);
  return withFunction(op, [&](auto f) -> KernelPtr {
    auto count = static_cast<Index>(storedElements(engine, x));
    auto padded = f(0.0f) == 0.0f ? std::nullopt : paddedView(engine, x);
    auto kernel = makeKernel(signature, [f, count, padded, grain = grainElements / weightOf(op.function)](const Run& run) {
      const float* x = run.in<float>(0);
      float* y = run.out<float>(0);
      parallelFor(count, grain, [=](Index from, Index to) {
#pragma omp simd
        for (Index i = from; i < to; i++) y[i] = f(x[i]);
      });
      if (padded) zeroPadding(*padded, y);
    });
    kernel->inputLayouts = {x.layout};
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
  return withGradient(op, [&](auto g) -> KernelPtr {
    auto count = static_cast<Index>(storedElements(engine, chosen));
    auto padded = g(0.0f, 0.0f) == 0.0f ? std::nullopt : paddedView(engine, chosen);
    auto kernel = makeKernel(signature, [g, count, padded, hasValue, grain = grainElements / weightOf(op.function)](const Run& run) {
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

// Same shapes in one layout; or one shape and one number; or an activation and a number for each channel (or each channel of
// each sample); else plain with broadcasting.
BinaryPlan planBinary(Engine& engine, const TensorDesc& a, const TensorDesc& b, TensorDesc output) {
  const TensorDesc* full[2] = {&a, &b};
  for (int side = 0; side < 2; side++) {
    const TensorDesc &big = *full[side], &small = *full[1 - side];
    if (big.shape != output.shape || big.layout.isPlain()) continue;
    auto view = engine.view(big);
    if (!view) continue;
    output.layout = big.layout;
    auto layouts = [&](Layout other) { return side == 0 ? std::vector{big.layout, other} : std::vector{other, big.layout}; };
    Index count = view->elements();
    if (small.shape == big.shape) return {Sweep<2>(Dims{count}, {Dims{1}, Dims{1}}), layouts(big.layout), output};
    Dims sizes{view->batch, view->blocks, view->positions, view->lanes}, own = stridesOf(sizes), other = Dims::filled(4, 0);
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
  return {Sweep<2>(output.shape, {broadcastStrides(a.shape, output.shape), broadcastStrides(b.shape, output.shape)}), {Layout{}, Layout{}}, output};
}

}  // namespace

KernelPtr prepare(const Binary& op, const Signature& signature, Engine& engine) {
  const TensorDesc &a = signature.inputs[0], &b = signature.inputs[1];
  if (a.dtype != DType::float32 || signature.outputs[0].elements() == 0) return nullptr;
  BinaryPlan plan = isComparison(op.function) ? planBinary(engine, TensorDesc(a.dtype, a.shape), TensorDesc(b.dtype, b.shape), signature.outputs[0])
                                              : planBinary(engine, a, b, signature.outputs[0]);
  return withFunction(op, [&](auto f) -> KernelPtr {
    using Result = decltype(f(0.0f, 0.0f));
    auto padded = paddedView(engine, plan.output);
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
    kernel->outputs = {plan.output};
    return kernel;
  });
}

}  // namespace cnn::cpu

// Element by element. Floats compute in double and round once, so + − × ÷ and √ are correctly rounded; int32 wraps.
#include <numbers>

#include "loops.hpp"

namespace cnn::reference {
namespace {

constexpr double inverseSqrt2 = 1 / std::numbers::sqrt2;
/// √(2/π) and the cubic coefficient of the tanh form of GELU.
constexpr double geluScale = std::numbers::sqrt2 * std::numbers::inv_sqrtpi, geluCubic = 0.044715;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double normalCdf(double x) { return 0.5 * (1 + std::erf(x * inverseSqrt2)); }
/// NaN stays NaN.
double clampTo(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/// x^exponent. The square root of −∞ is NaN, which pow does not say.
double power(double x, double exponent) {
  if (exponent == 0.5) return std::sqrt(x);
  if (exponent == -0.5) return 1 / std::sqrt(x);
  return std::pow(x, exponent);
}

/// `f` is a UnaryFunction and its parameters: a Unary or a UnaryBackward.
template <class UnaryOp>
double value(const UnaryOp& f, double x) {
  switch (f.function) {
    case UnaryFunction::relu: return x <= 0 ? 0 : x;  // NaN passes
    case UnaryFunction::relu6: return clampTo(x, 0, 6);
    case UnaryFunction::leakyRelu: return x > 0 ? x : x * f.alpha;
    case UnaryFunction::elu: return x > 0 ? x : f.alpha * std::expm1(x);
    case UnaryFunction::gelu: return x * normalCdf(x);
    case UnaryFunction::geluTanh: return 0.5 * x * (1 + std::tanh(geluScale * (x + geluCubic * x * x * x)));
    case UnaryFunction::silu: return x * logistic(x);
    case UnaryFunction::sigmoid: return logistic(x);
    case UnaryFunction::hardsigmoid: return clampTo(x + 3, 0, 6) / 6;
    case UnaryFunction::hardswish: return x * clampTo(x + 3, 0, 6) / 6;
    case UnaryFunction::tanh: return std::tanh(x);
    case UnaryFunction::softplus: return x * f.alpha > f.beta ? x : std::log1p(std::exp(x * f.alpha)) / f.alpha;
    case UnaryFunction::exp: return std::exp(x);
    case UnaryFunction::log: return std::log(x);
    case UnaryFunction::sqrt: return std::sqrt(x);
    case UnaryFunction::rsqrt: return 1 / std::sqrt(x);
    case UnaryFunction::abs: return std::abs(x);
    case UnaryFunction::neg: return -x;
    case UnaryFunction::sign: return static_cast<double>((x > 0) - (x < 0));
    case UnaryFunction::square: return x * x;
    case UnaryFunction::reciprocal: return 1 / x;
    case UnaryFunction::powScalar: return power(x, f.alpha);
    case UnaryFunction::affine: return f.alpha * x + f.beta;
    case UnaryFunction::clamp: return std::isnan(x) ? x : std::min(std::max(x, f.alpha), f.beta);
    case UnaryFunction::sin: return std::sin(x);
    case UnaryFunction::cos: return std::cos(x);
    case UnaryFunction::log1p: return std::log1p(x);
    case UnaryFunction::expm1: return std::expm1(x);
    case UnaryFunction::erf: return std::erf(x);
    case UnaryFunction::floor: return std::floor(x);
    case UnaryFunction::ceil: return std::ceil(x);
    case UnaryFunction::round: return std::nearbyint(x);  // halves to even
    case UnaryFunction::isnan: return std::isnan(x);
    case UnaryFunction::logicalNot: return x == 0;
  }
  return x;
}

/// The functions that integers have. Unsigned arithmetic wraps, and so does the narrowing at the end.
std::int32_t value(const Unary& f, std::int32_t x) {
  std::int64_t wide = x;
  auto whole = [](double parameter) { return static_cast<std::uint64_t>(narrow<std::int64_t>(parameter)); };
  switch (f.function) {
    case UnaryFunction::abs: return static_cast<std::int32_t>(wide < 0 ? -wide : wide);
    case UnaryFunction::neg: return static_cast<std::int32_t>(-wide);
    case UnaryFunction::sign: return (x > 0) - (x < 0);
    case UnaryFunction::square: return static_cast<std::int32_t>(wide * wide);
    case UnaryFunction::affine:
      return static_cast<std::int32_t>(whole(f.alpha) * static_cast<std::uint64_t>(wide) + whole(f.beta));
    default: return narrow<std::int32_t>(value(f, static_cast<double>(x)));
  }
}

/// dy · f'(v). Where the derivative is 0 by a condition, the result is 0 whatever dy is.
double gradient(const UnaryBackward& f, double dy, double v) {
  switch (f.function) {
    // of the output
    case UnaryFunction::relu: return v <= 0 ? 0 : dy;
    case UnaryFunction::relu6: return v > 0 && v < 6 ? dy : 0;
    case UnaryFunction::sigmoid: return dy * (1 - v) * v;
    case UnaryFunction::tanh: return dy * (1 - v * v);
    case UnaryFunction::exp: return dy * v;
    case UnaryFunction::sqrt: return dy / (2 * v);
    case UnaryFunction::rsqrt: return -0.5 * dy * v * v * v;
    case UnaryFunction::reciprocal: return -dy * v * v;
    // of the input
    case UnaryFunction::leakyRelu: return v > 0 ? dy : dy * f.alpha;
    case UnaryFunction::elu: return v <= 0 ? dy * f.alpha * std::exp(v) : dy;
    case UnaryFunction::gelu: {
      double density = std::exp(-0.5 * v * v) * inverseSqrt2 * std::numbers::inv_sqrtpi;
      return dy * (normalCdf(v) + v * density);
    }
    case UnaryFunction::geluTanh: {
      double t = std::tanh(geluScale * (v + geluCubic * v * v * v));
      double inner = geluScale * (1 + 3 * geluCubic * v * v);
      return dy * (0.5 * (1 + t) + 0.5 * v * (1 - t * t) * inner);
    }
    case UnaryFunction::silu: return dy * logistic(v) * (1 + v * (1 - logistic(v)));
    case UnaryFunction::hardsigmoid: return v > -3 && v < 3 ? dy / 6 : 0;
    case UnaryFunction::hardswish: return v <= -3 ? 0 : v < 3 ? dy * (v / 3 + 0.5) : dy;
    case UnaryFunction::softplus: return v * f.alpha > f.beta ? dy : dy * logistic(v * f.alpha);
    case UnaryFunction::log: return dy / v;
    case UnaryFunction::abs: return dy * ((v > 0) - (v < 0));
    case UnaryFunction::square: return dy * 2 * v;
    case UnaryFunction::powScalar: return f.alpha == 0 ? 0 : dy * f.alpha * power(v, f.alpha - 1);
    case UnaryFunction::clamp: return v >= f.alpha && v <= f.beta ? dy : 0;
    case UnaryFunction::sin: return dy * std::cos(v);
    case UnaryFunction::cos: return -dy * std::sin(v);
    case UnaryFunction::log1p: return dy / (1 + v);
    case UnaryFunction::expm1: return dy * std::exp(v);
    case UnaryFunction::erf: return dy * 2 * std::numbers::inv_sqrtpi * std::exp(-v * v);
    // of neither
    case UnaryFunction::neg: return -dy;
    case UnaryFunction::affine: return dy * f.alpha;
    case UnaryFunction::sign:
    case UnaryFunction::floor:
    case UnaryFunction::ceil:
    case UnaryFunction::round:
    case UnaryFunction::isnan:
    case UnaryFunction::logicalNot: return 0;
  }
  return 0;
}

/// `Wide` is double for floats, int64 for integers (no product of two int32 overflows it).
template <class Wide>
Wide arithmetic(BinaryFunction f, Wide a, Wide b) {
  if constexpr (std::is_floating_point_v<Wide>) {
    if (f == BinaryFunction::div) return a / b;
    if (f == BinaryFunction::pow) return std::pow(a, b);
    if (std::isnan(a)) return a;  // also for maximum and minimum
    if (std::isnan(b)) return b;
  }
  switch (f) {
    case BinaryFunction::add: return a + b;
    case BinaryFunction::sub: return a - b;
    case BinaryFunction::mul: return a * b;
    case BinaryFunction::maximum: return std::max(a, b);
    case BinaryFunction::minimum: return std::min(a, b);
    case BinaryFunction::div:
    case BinaryFunction::pow: break;  // of floats alone, above
    case BinaryFunction::eq:
    case BinaryFunction::ne:
    case BinaryFunction::lt:
    case BinaryFunction::le:
    case BinaryFunction::gt:
    case BinaryFunction::ge:
    case BinaryFunction::logicalAnd:
    case BinaryFunction::logicalOr: break;  // see comparison
  }
  return 0;
}

template <class Wide>
bool comparison(BinaryFunction f, Wide a, Wide b) {
  switch (f) {
    case BinaryFunction::eq: return a == b;
    case BinaryFunction::ne: return a != b;
    case BinaryFunction::lt: return a < b;
    case BinaryFunction::le: return a <= b;
    case BinaryFunction::gt: return a > b;
    case BinaryFunction::ge: return a >= b;
    case BinaryFunction::logicalAnd: return a != 0 && b != 0;
    case BinaryFunction::logicalOr: return a != 0 || b != 0;
    case BinaryFunction::add:
    case BinaryFunction::sub:
    case BinaryFunction::mul:
    case BinaryFunction::div:
    case BinaryFunction::maximum:
    case BinaryFunction::minimum:
    case BinaryFunction::pow: break;  // see arithmetic
  }
  return false;
}

template <class T>
using WideOf = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

}  // namespace

KernelPtr prepare(const Unary& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatchComparable(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    if (op.function == UnaryFunction::isnan || op.function == UnaryFunction::logicalNot) {
      return makeKernel(signature, [=](const Run& run) {
        const T* x = run.in<T>(0);
        bool* y = run.out<bool>(0);
        for (Index i = 0; i < count; i++) y[i] = value(op, static_cast<double>(x[i])) != 0;
      });
    }
    if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, std::int32_t>) {
      using Argument = std::conditional_t<std::is_floating_point_v<T>, double, T>;
      return inPlaceOf({0}, makeKernel(signature, [=](const Run& run) {
                         const T* x = run.in<T>(0);
                         T* y = run.out<T>(0);
                         for (Index i = 0; i < count; i++)
                           y[i] = static_cast<T>(value(op, static_cast<Argument>(x[i])));
                       }));
    }
    fail(ErrorKind::dtype, enumName(op.function), ": ", signature.inputs[0].dtype, ", expected a number");
  });
}

KernelPtr prepare(const UnaryBackward& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return inPlaceOf(
        {0, 1}, makeKernel(signature, [=](const Run& run) {
          const T *dy = run.in<T>(0), *v = run.in<T>(1);
          T* dx = run.out<T>(0);
          for (Index i = 0; i < count; i++) {
            dx[i] = static_cast<T>(gradient(op, static_cast<double>(dy[i]), v ? static_cast<double>(v[i]) : 0));
          }
        }));
  });
}

KernelPtr prepare(const Binary& op, const Signature& signature) {
  const Dims& shape = signature.outputs[0].shape;
  Walk<3> walk(shape, {stridesOf(shape), broadcastStrides(signature.inputs[0].shape, shape),
                       broadcastStrides(signature.inputs[1].shape, shape)});
  auto make = [&]<class T, class Out>(Type<T>, Type<Out>, auto compute) -> KernelPtr {
    return inPlaceOf({0, 1}, makeKernel(signature, [=, f = op.function](const Run& run) {
                       Index stepA = walk.step(1), stepB = walk.step(2);
                       walk.forEachRow([&](const auto& at) {
                         Out* y = run.out<Out>(0) + at[0];
                         const T *a = run.in<T>(0) + at[1], *b = run.in<T>(1) + at[2];
                         for (Index i = 0; i < walk.length(); i++) {
                           y[i] = static_cast<Out>(
                               compute(f, static_cast<WideOf<T>>(a[i * stepA]), static_cast<WideOf<T>>(b[i * stepB])));
                         }
                       });
                     }));
  };
  if (isComparison(op.function)) {
    return dispatchComparable(signature.inputs[0].dtype, [&]<class T>(Type<T> type) {
      return make(type, Type<bool>{}, [](BinaryFunction f, WideOf<T> a, WideOf<T> b) { return comparison(f, a, b); });
    });
  }
  return dispatchNumber(signature.inputs[0].dtype, [&]<class T>(Type<T> type) {
    return make(type, type, [](BinaryFunction f, WideOf<T> a, WideOf<T> b) { return arithmetic(f, a, b); });
  });
}

// Element by element through all links, each rounded as the op by itself rounds; so y may lie where an input lay.
KernelPtr prepare(const ElementwiseChain& op, const Signature& signature) {
  constexpr std::size_t most = 2 + ChainLinks::capacity;  // y, x and the others
  const Dims& shape = signature.outputs[0].shape;
  std::array<Dims, most> strides;
  strides.fill(Dims::filled(shape.size(), 0));
  strides[0] = stridesOf(shape);
  for (std::size_t i = 0; i < signature.inputs.size(); i++)
    strides[i + 1] = broadcastStrides(signature.inputs[i].shape, shape);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return inPlaceOf(
        op.inputsRead(), makeKernel(signature, [walk = Walk<most>(shape, strides), links = op.links](const Run& run) {
          walk.forEachRow([&](const auto& at) {
            for (Index i = 0; i < walk.length(); i++) {
              auto input = [&](Index k) {
                auto tensor = static_cast<std::size_t>(k) + 1;
                return static_cast<double>(run.in<T>(static_cast<int>(k))[at[tensor] + i * walk.step(tensor)]);
              };
              T v = static_cast<T>(input(0));
              for (const ChainLink& link : links) {
                double before = static_cast<double>(v);
                switch (link.kind) {
                  case LinkKind::unary: v = static_cast<T>(value(link.function(), before)); break;
                  case LinkKind::binary: v = static_cast<T>(arithmetic(link.binary, before, input(link.input))); break;
                  case LinkKind::swapped: v = static_cast<T>(arithmetic(link.binary, input(link.input), before)); break;
                  case LinkKind::backward:
                    v = static_cast<T>(gradient(link.gradient(), before, link.input < 0 ? 0 : input(link.input)));
                    break;
                }
              }
              run.out<T>(0)[at[0] + i * walk.step(0)] = v;
            }
          });
        }));
  });
}

KernelPtr prepare(const Where&, const Signature& signature) {
  const Dims& shape = signature.outputs[0].shape;
  Walk<4> walk(
      shape, {stridesOf(shape), broadcastStrides(signature.inputs[0].shape, shape),
              broadcastStrides(signature.inputs[1].shape, shape), broadcastStrides(signature.inputs[2].shape, shape)});
  return dispatchSize(signature.outputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      Index stepCondition = walk.step(1), stepA = walk.step(2), stepB = walk.step(3);
      walk.forEachRow([&](const auto& at) {
        T* y = run.out<T>(0) + at[0];
        const bool* condition = run.in<bool>(0) + at[1];
        const T *a = run.in<T>(1) + at[2], *b = run.in<T>(2) + at[3];
        for (Index i = 0; i < walk.length(); i++) y[i] = condition[i * stepCondition] ? a[i * stepA] : b[i * stepB];
      });
    });
  });
}

KernelPtr prepare(const Cast& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatch(signature.inputs[0].dtype, [&]<class From>(Type<From>) {
    return dispatch(op.dtype, [&]<class To>(Type<To>) -> KernelPtr {
      return makeKernel(signature, [=](const Run& run) {
        const From* x = run.in<From>(0);
        To* y = run.out<To>(0);
        if constexpr (std::is_same_v<From, To>) {
          copyElements(y, x, count);
        } else {
          for (Index i = 0; i < count; i++) y[i] = narrow<To>(widen(x[i]));
        }
      });
    });
  });
}

}  // namespace cnn::reference

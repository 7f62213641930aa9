// The formulas of ops/functions.hpp as inlined code for vector loops: what is called before the loop calls its argument
// with the right one.
#pragma once

#include <cmath>
#include <utility>

#include "ops/elementwise.hpp"
#include "vector_math.hpp"

namespace cnn::cpu {

/// f(x), f being known to the compiler.
template <UnaryFunction function>
struct Value {
  float alpha, beta;
  CNN_INLINE float operator()(float x) const { return formula::value<VectorMath>(function, x, alpha, beta); }
};
/// dy·f'(v).
template <UnaryFunction function>
struct Derivative {
  float alpha, beta;
  CNN_INLINE float operator()(float dy, float v) const {
    return formula::gradient<VectorMath>(function, dy, v, alpha, beta);
  }
};
/// Powers: where the exponent, in halves, is known too, no call of pow is left; else no question whether it is one of
/// those.
template <int halves>
struct Power {
  CNN_INLINE float operator()(float x) const {
    return formula::value<VectorMath>(UnaryFunction::powScalar, x, halves * 0.5f, 0.0f);
  }
};
template <int halves>
struct PowerDerivative {
  CNN_INLINE float operator()(float dy, float x) const {
    return formula::gradient<VectorMath>(UnaryFunction::powScalar, dy, x, halves * 0.5f, 0.0f);
  }
};
struct AnyPower {
  float exponent;
  CNN_INLINE float operator()(float x) const { return VectorMath::pow(x, exponent); }
};
struct AnyPowerDerivative {
  float exponent;
  CNN_INLINE float operator()(float dy, float x) const {
    return formula::anyPowerGradient<VectorMath>(dy, x, exponent);
  }
};
template <BinaryFunction function>
struct Combination {
  CNN_INLINE float operator()(float a, float b) const { return formula::value<VectorMath>(function, a, b); }
};
template <BinaryFunction function>
struct Comparison {
  CNN_INLINE bool operator()(float a, float b) const { return formula::comparison(function, a, b); }
};

/// Calls use(std::integral_constant<Enum, value>) and gives what it gives.
template <class Result, class Enum, class Use>
Result withConstant(Enum value, Use use) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    Result result{};
    (void)((value == static_cast<Enum>(i) &&
            (result = use(std::integral_constant<Enum, static_cast<Enum>(i)>{}), true)) ||
           ...);
    return result;
  }(std::make_index_sequence<enumCount<Enum>>{});
}

/// Calls use(F<halves>) if the exponent is one of those, else use(otherwise).
template <class Result, template <int> class F, int... halves, class Use>
Result withPower(double exponent, auto otherwise, Use use) {
  Result result{};
  const bool isKnown = ((exponent == halves * 0.5 && (result = use(F<halves>{}), true)) || ...);
  return isKnown ? result : use(otherwise);
}

/// Calls use(f), f being the function of one number, and gives what `use` gives; an empty Result where that has no
/// float value.
template <class Result, class Use>
Result withFunction(const Unary& op, Use use) {
  if (op.function == UnaryFunction::powScalar)
    return withPower<Result, Power, 4, 6, 1, -1, -2>(op.alpha, AnyPower{static_cast<float>(op.alpha)}, use);
  return withConstant<Result>(op.function, [&](auto function) -> Result {
    if constexpr (givesBool(function()) || function() == UnaryFunction::powScalar) {
      return {};  // plain loops give bool
    } else {
      return use(Value<function()>{static_cast<float>(op.alpha), static_cast<float>(op.beta)});
    }
  });
}

/// Calls use(g), g(dy, v) being the gradient; an empty Result where none flows.
template <class Result, class Use>
Result withGradient(const UnaryBackward& op, Use use) {
  if (op.function == UnaryFunction::powScalar) {
    return withPower<Result, PowerDerivative, 4, 6, 1, 3, 0>(op.alpha, AnyPowerDerivative{static_cast<float>(op.alpha)},
                                                             use);
  }
  return withConstant<Result>(op.function, [&](auto function) -> Result {
    if constexpr (traitsOf(function()).bend == Bend::steps || function() == UnaryFunction::powScalar) {
      return {};
    } else {
      return use(Derivative<function()>{static_cast<float>(op.alpha), static_cast<float>(op.beta)});
    }
  });
}

/// Calls use(f), f(a, b) being the function; comparisons are none of them.
template <class Result, class Use>
Result withFunction(const Binary& op, Use use) {
  return withConstant<Result>(op.function, [&](auto function) -> Result {
    if constexpr (isComparison(function())) {
      return {};
    } else {
      return use(Combination<function()>{});
    }
  });
}

/// Calls use(f), f(a, b) being the comparison of two floats.
template <class Result, class Use>
Result withComparison(BinaryFunction function, Use use) {
  return withConstant<Result>(function, [&](auto function) -> Result {
    if constexpr (isComparison(function())) {
      return use(Comparison<function()>{});
    } else {
      return {};
    }
  });
}

/// Work per element, in light operations: what decides from where on a second thread pays.
constexpr Index weightOf(UnaryFunction function) { return static_cast<Index>(traitsOf(function).cost); }
constexpr Index weightOf(BinaryFunction function) { return static_cast<Index>(costOf(function)); }

}  // namespace cnn::cpu

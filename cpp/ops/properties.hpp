// What an op says of itself, asked of any op.
#pragma once

#include "names.hpp"

namespace cnn {

/// Whether an op has a gradient rule, for some of its functions at least.
template <class O>
constexpr bool hasRule() {
  if constexpr (requires(const O& op) { op.gradient(); }) {
    return true;
  } else {
    return O::gradient == Gradient::rule;
  }
}

/// How the gradient of this op is found.
inline Gradient gradientOf(const Op& op) {
  return std::visit(
      [](const auto& each) {
        if constexpr (requires { each.gradient(); }) {
          return each.gradient();
        } else {
          return each.gradient;
        }
      },
      op);
}

/// The inputs and outputs that the gradient rule of this op reads, as words ("" for none).
inline std::string_view savesOf(const Op& op) {
  return std::visit(
      []<class O>(const O& each) -> std::string_view {
        if constexpr (requires { each.saves(); }) {
          return each.saves();
        } else if constexpr (hasRule<O>()) {
          return O::saves;
        } else {
          return "";
        }
      },
      op);
}

inline Precision precisionOf(const Op& op) {
  return std::visit(
      []<class O>(const O& each) {
        if constexpr (O::traits.precision == Precision::byFunction) {
          return precisionOf(each.function);
        } else {
          return O::traits.precision;
        }
      },
      op);
}

inline Elements elementsOf(const Op& op) {
  return std::visit([](const auto& each) { return each.traits.elements; }, op);
}

/// Whether its output is the memory of its input.
inline bool isView(const Op& op) { return elementsOf(op) == Elements::viewed; }

/// Whether it takes elements of any type as they are, and computes nothing with them.
inline bool movesElements(const Op& op) { return elementsOf(op) == Elements::moved || isView(op); }

/// Whether one of the inputs is a half where kernels that read halves count on float32 (see Halves).
inline bool expectsFloat(const Op& op, std::span<const TensorDesc> inputs) {
  return std::visit(
      [&]<class O>(const O& each) {
        for (std::size_t i = 0; i < inputs.size(); i++) {
          if (!inputs[i].defined || !isHalf(inputs[i].dtype) || O::traits.halves == Halves::all) continue;
          if (O::traits.halves == Halves::none) return true;
          if (!hasWord("x y dy residual", inputName(each, static_cast<int>(i), static_cast<int>(inputs.size()))))
            return true;
        }
        return false;
      },
      op);
}

}  // namespace cnn

// The names of an op and of each of its inputs.
#pragma once

#include <algorithm>

#include "op.hpp"
#include "words.hpp"

namespace cnn {

/// The i-th word of a list.
constexpr Word wordAt(std::string_view words, int i) {
  Word word;
  forEachWord(words, [&](Word each, int at) {
    if (at == i) word = each;
  });
  return word;
}

inline std::string_view nameOf(const Op& op) {
  return std::visit([](const auto& each) { return each.name; }, op);
}

/// What users call the op: where one op stands for many functions, the function.
inline std::string_view calledName(const Op& op) {
  return std::visit(
      [](const auto& each) -> std::string_view {
        if constexpr (requires { enumName(each.function); }) {
          return enumName(each.function);
        } else {
          return each.name;
        }
      },
      op);
}

/// The name of input i of `count`; the entries of a list share its name. Ops with several lists say by `count` field
/// how long each is.
template <class O>
constexpr std::string_view inputName(const O& op, int i, int count) {
  if constexpr (hasList(O::inputs)) {
    if constexpr (requires { op.count; }) {
      return wordAt(O::inputs, op.count > 0 ? i / static_cast<int>(op.count) : 0).name;
    }
    return wordAt(O::inputs, std::min(i, countWords(O::inputs) - 1)).name;
  } else {
    static_cast<void>(op), static_cast<void>(count);
    return wordAt(O::inputs, i).name;
  }
}

/// Whether the op is the step of an optimizer: that never runs on values which a failed op left behind, wherever that
/// is found out.
inline bool isOptimizerStep(const Op& op) {
  return std::holds_alternative<Sgd>(op) || std::holds_alternative<Adam>(op) || std::holds_alternative<RmsProp>(op);
}

inline bool failsByValue(const Op& op) {
  return std::visit([](const auto& each) { return each.failsByValue; }, op);
}

/// Whether the op overwrites any input. Some do so only in training.
inline bool mutates(const Op& op) {
  return std::visit(
      [](const auto& each) {
        if constexpr (requires { each.overwrites(); }) {
          return each.overwrites();
        } else {
          return !each.mutates.empty();
        }
      },
      op);
}

/// Whether the op overwrites its input i.
inline bool mutates(const Op& op, int i, int count) {
  if (!mutates(op)) return false;
  return std::visit([&](const auto& each) { return hasWord(each.mutates, inputName(each, i, count)); }, op);
}

}  // namespace cnn

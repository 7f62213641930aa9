// Reads the word lists in which ops name their inputs and outputs.
#pragma once

#include <string_view>

#include "op.hpp"

namespace cnn {

/// Number of words in a list.
constexpr int wordCount(std::string_view list) {
  int count = 0;
  bool inside = false;
  for (char c : list) {
    if (c != ' ' && !inside) count++;
    inside = c != ' ';
  }
  return count;
}

/// The i-th word, without its `?` or `...`.
constexpr std::string_view wordAt(std::string_view list, int i) {
  for (; i > 0; i--) list.remove_prefix(list.find(' ') + 1);
  std::string_view word = list.substr(0, list.find(' '));
  if (word.ends_with("...")) word.remove_suffix(3);
  if (word.ends_with('?')) word.remove_suffix(1);
  return word;
}

constexpr bool isListWord(std::string_view list, int i) {
  for (; i > 0; i--) list.remove_prefix(list.find(' ') + 1);
  return list.substr(0, list.find(' ')).ends_with("...");
}

constexpr bool hasWord(std::string_view list, std::string_view word) {
  for (int i = 0, n = wordCount(list); i < n; i++) {
    if (wordAt(list, i) == word) return true;
  }
  return false;
}

inline std::string_view nameOf(const Op& op) {
  return std::visit([](const auto& each) { return each.name; }, op);
}

/// The name of input i of `count`; the entries of a list share its name. Ops with several lists say by `count` field how long each is.
template <class O>
constexpr std::string_view inputName(const O& op, int i, int count) {
  if constexpr (isListWord(O::inputs, 0)) {
    if constexpr (requires { op.count; }) {
      if (op.count > 0) return wordAt(O::inputs, i / static_cast<int>(op.count));
    }
    return wordAt(O::inputs, 0);
  } else {
    static_cast<void>(op), static_cast<void>(count);
    return wordAt(O::inputs, i);
  }
}

/// Whether the op overwrites its input i.
inline bool mutates(const Op& op, int i, int count) {
  return std::visit(
      [&](const auto& each) {
        if (each.mutates.empty()) return false;
        return hasWord(each.mutates, inputName(each, i, count));
      },
      op);
}

}  // namespace cnn

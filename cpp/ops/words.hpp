// words: reads an op's lists of words (`inputs`, `outputs`, `saves`, `mutates`).
#pragma once

#include <string_view>

namespace cnn {

/// `bias?` is optional, `xs...` is a list.
struct Word {
  std::string_view name;
  bool isOptional = false, isList = false;
};

/// Takes the first word off a list.
constexpr Word takeWord(std::string_view& words) {
  std::size_t end = words.find(' ');
  Word word{words.substr(0, end)};
  words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
  if (word.name.ends_with('?')) {
    word.isOptional = true;
    word.name.remove_suffix(1);
  } else if (word.name.ends_with("...")) {
    word.isList = true;
    word.name.remove_suffix(3);
  }
  return word;
}

/// Calls `f(word, position)` for each word.
template <class F>
constexpr void forEachWord(std::string_view words, F f) {
  for (int i = 0; !words.empty(); i++) f(takeWord(words), i);
}

constexpr int countWords(std::string_view words) {
  int count = 0;
  forEachWord(words, [&](Word, int) { count++; });
  return count;
}

/// Whether `words` names `name`.
constexpr bool hasWord(std::string_view words, std::string_view name) {
  bool found = false;
  forEachWord(words, [&](Word word, int) { found = found || word.name == name; });
  return found;
}

constexpr bool hasList(std::string_view words) {
  bool found = false;
  forEachWord(words, [&](Word word, int) { found = found || word.isList; });
  return found;
}

}  // namespace cnn

// The vocabulary in which an op describes itself: its fields, enumerations and how its gradient is found.
//
// An op is a plain struct with
//   name, inputs, outputs   words; `bias?` is optional, `xs...` at the end is a list (several lists of one op have
//   equal lengths) FIELDS(...)             its parameters; they key the kernel cache, parse arguments, print, and make
//   the TypeScript types: numbers, bools,
//                           Dims, types, enumerations, and the links of a chain
//   DYNAMIC(...)            parameters that a prepared kernel reads at each run, so they key nothing (learning rate,
//   seed) traits                  how autocast, batches in parts and the counting of work see it (traits.hpp) saves the
//   inputs and outputs that its gradient rule reads ("" for none); every op that has a rule says it mutates the inputs
//   that it overwrites ("" for none) failsByValue            whether the values of its inputs can make it fail when it
//   runs (an index outside its axis) gradient                rule (a vjp exists), zero (the result is locally
//   constant), missing (an error when asked for)
// Where saves or gradient depends on a field it is a member function.
#pragma once

#include <array>
#include <string_view>
#include <tuple>

#include "base/desc.hpp"
#include "traits.hpp"

namespace cnn {

enum class Gradient { rule, zero, missing };

template <class Op, class Value>
using Member = Value Op::*;

template <class Op, class Value>
struct Field {
  std::string_view name;
  Member<Op, Value> member;
};

template <class Op, class Value>
constexpr Field<Op, Value> field(std::string_view name, Member<Op, Value> member) {
  return {name, member};
}

/// What most ops leave as it is.
template <class Self>
struct OpBase {
  static constexpr std::string_view outputs = "y";
  static constexpr std::string_view mutates = "";
  static constexpr bool failsByValue = false;
  static constexpr Gradient gradient = Gradient::rule;
  static constexpr auto fields() { return std::tuple<>{}; }
  static constexpr auto dynamicFields() { return std::tuple<>{}; }
};

// Applies F(type, argument) to up to twelve arguments, with commas between.
#define CNN_EACH_1(F, T, a) F(T, a)
#define CNN_EACH_2(F, T, a, ...) F(T, a), CNN_EACH_1(F, T, __VA_ARGS__)
#define CNN_EACH_3(F, T, a, ...) F(T, a), CNN_EACH_2(F, T, __VA_ARGS__)
#define CNN_EACH_4(F, T, a, ...) F(T, a), CNN_EACH_3(F, T, __VA_ARGS__)
#define CNN_EACH_5(F, T, a, ...) F(T, a), CNN_EACH_4(F, T, __VA_ARGS__)
#define CNN_EACH_6(F, T, a, ...) F(T, a), CNN_EACH_5(F, T, __VA_ARGS__)
#define CNN_EACH_7(F, T, a, ...) F(T, a), CNN_EACH_6(F, T, __VA_ARGS__)
#define CNN_EACH_8(F, T, a, ...) F(T, a), CNN_EACH_7(F, T, __VA_ARGS__)
#define CNN_EACH_9(F, T, a, ...) F(T, a), CNN_EACH_8(F, T, __VA_ARGS__)
#define CNN_EACH_10(F, T, a, ...) F(T, a), CNN_EACH_9(F, T, __VA_ARGS__)
#define CNN_PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, N, ...) N
#define CNN_EACH(F, T, ...)                                                                                  \
  CNN_PICK(__VA_ARGS__, CNN_EACH_10, CNN_EACH_9, CNN_EACH_8, CNN_EACH_7, CNN_EACH_6, CNN_EACH_5, CNN_EACH_4, \
           CNN_EACH_3, CNN_EACH_2, CNN_EACH_1, )                                                             \
  (F, T, __VA_ARGS__)

#define CNN_FIELD(T, member) ::cnn::field(#member, &T::member)
#define FIELDS(T, ...) \
  static constexpr auto fields() { return std::tuple{CNN_EACH(CNN_FIELD, T, __VA_ARGS__)}; }
#define DYNAMIC(T, ...) \
  static constexpr auto dynamicFields() { return std::tuple{CNN_EACH(CNN_FIELD, T, __VA_ARGS__)}; }

/// Names of an enumeration's values, in order; one specialisation per enumeration.
template <class Enum>
struct EnumNames;

/// Defines `enum class T : uint8_t` and its names.
#define NAMED_ENUM(T, ...)                                 \
  enum class T : std::uint8_t { __VA_ARGS__ };             \
  template <>                                              \
  struct EnumNames<T> {                                    \
    static constexpr std::string_view type = #T;           \
    static constexpr std::string_view list = #__VA_ARGS__; \
  }

/// How many values an enumeration has.
template <class Enum>
inline constexpr std::size_t enumCount = [] {
  std::size_t count = 1;
  for (char each : EnumNames<Enum>::list) count += each == ',' ? 1 : 0;
  return count;
}();

/// The name of an enumeration's value.
template <class Enum>
constexpr std::string_view enumName(Enum value) {
  std::string_view list = EnumNames<Enum>::list;
  for (int i = 0; i < static_cast<int>(value); i++) list.remove_prefix(list.find(',') + 2);
  return list.substr(0, list.find(','));
}

}  // namespace cnn

// The fields of an op that may differ from run to run: read, set, and told apart from random counters.
#pragma once

#include <vector>

#include "ops/op.hpp"

namespace cnn::graph {

/// How many dynamic fields an op has.
inline std::size_t dynamicCount(const Op& op) {
  return std::visit([](const auto& each) { return std::tuple_size_v<decltype(each.dynamicFields())>; }, op);
}

inline std::vector<double> dynamicFields(const Op& op) {
  std::vector<double> values;
  std::visit(
      [&](const auto& each) {
        std::apply([&](const auto&... fields) { (values.push_back(static_cast<double>(each.*fields.member)), ...); },
                   each.dynamicFields());
      },
      op);
  return values;
}

inline void setDynamicFields(Op& op, std::span<const double> values) {
  std::visit(
      [&](auto& each) {
        std::size_t i = 0;
        auto set = [&](auto& field) { field = static_cast<std::remove_reference_t<decltype(field)>>(values[i++]); };
        std::apply([&](const auto&... fields) { (set(each.*fields.member), ...); }, each.dynamicFields());
      },
      op);
}

/// Whether the op draws random numbers, whose counter moves on with each run.
inline bool isRandom(const Op& op) {
  return std::visit([](const auto& each) { return requires { each.seed; }; }, op);
}

}  // namespace cnn::graph

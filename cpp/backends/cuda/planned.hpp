// What the ops that cuDNN computes share: asking for a plan, and running it.
#pragma once

#include "plans/plans.hpp"
#include "prepare.hpp"

namespace cnn::cuda {

/// Calls `ask(target)` for the engine's device, where cuDNN computes in the type; else nothing is planned.
template <class Ask>
graph::Planned planFor(Engine& engine, DType dtype, Ask ask) {
  if (dtype != DType::float32 && dtype != DType::float16 && dtype != DType::bfloat16)
    return {nullptr, text("cuDNN does not compute in ", dtype)};
  graph::Target target;
  target.handle = engine.planner;
  target.options = engine.options;
  return ask(static_cast<const graph::Target&>(target));
}

/// A kernel for a result without elements.
inline Prepared nothingToDo(const Signature& signature, std::vector<Layout> inputs, std::vector<Layout> outputs) {
  return ready(signature, [](const Run&) {}, 0, std::move(inputs), std::move(outputs));
}

}  // namespace cnn::cuda

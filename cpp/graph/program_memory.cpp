// Which memory a run of a program touches: by that the failure of an op spreads, and no further (see Poison).
#include "ops/names.hpp"
#include "program.hpp"

namespace cnn::graph {

// Only for devices that hear of a failure late: elsewhere nothing runs that depends on it. The step of an optimizer
// doesn't there either.
void Program::findRisks(const Graph& graph) {
  isAtRisk_.resize(recording_.captured.size());
  std::vector<bool> isTainted(graph.values.size());
  for (const Node& node : graph.nodes) {
    const int count = static_cast<int>(node.inputs.size());
    bool taints = failsByValue(node.op);
    for (ValueId id : node.inputs) taints = taints || (id != noValue && isTainted[static_cast<std::size_t>(id)]);
    if (!taints) continue;
    failsByValue_ = true;
    for (ValueId id : node.outputs) {
      if (id != noValue) isTainted[static_cast<std::size_t>(id)] = true;
    }
    for (int i = 0; i < count; i++) {
      ValueId id = node.inputs[static_cast<std::size_t>(i)];
      if (id == noValue || isOptimizerStep(node.op) || !mutates(node.op, i, count)) continue;
      isTainted[static_cast<std::size_t>(id)] = true;
      const Value& value = graph[id];
      if (value.origin == Value::Origin::captured) isAtRisk_[static_cast<std::size_t>(value.index)] = true;
    }
  }
}

Touched Program::Memory::touched() const {
  const std::span<void* const> all(blocks);
  return {.reads = all.first(readCount),
          .makes = all.subspan(readCount, madeCount),
          .overwrites = all.subspan(readCount + madeCount),
          .failsByValue = failsByValue,
          .call = call};
}

// A gradient that the function overwrites is as good as made by it; other tensors keep their values where it fails.
// Constants are made of captured tensors within the run.
Program::Memory Program::memoryOf(Session& session, const Tensors& given, std::span<void* const> made) const {
  Memory memory{.blocks = {}, .failsByValue = failsByValue_, .call = session.failures()->now()};
  const std::size_t count = recording_.captured.size();
  memory.blocks.reserve(given.size() + 2 * count + made.size());
  auto add = [&](const Tensor& tensor) { memory.blocks.push_back(tensor->storage->data()); };
  for (const Tensor& each : given) add(each);
  for (std::size_t i = 0; i < count; i++) add(captured(i));
  memory.readCount = memory.blocks.size();
  memory.blocks.insert(memory.blocks.end(), made.begin(), made.end());
  for (std::size_t i = 0; i < count; i++) {
    if (overwritten_.captured[i] && recording_.captured[i].name.isGradient) add(captured(i));
  }
  memory.madeCount = memory.blocks.size() - memory.readCount;
  for (std::size_t i = 0; i < count; i++) {
    if (isAtRisk_[i] && !recording_.captured[i].name.isGradient) add(captured(i));
  }
  return memory;
}

}  // namespace cnn::graph

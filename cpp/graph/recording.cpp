// Whether what a recording took for granted still holds.
#include "recording.hpp"

#include <algorithm>

namespace cnn::graph {

namespace {

std::shared_ptr<TensorImpl> tensorOf(const Name& name, std::span<const Tensor> inputs) {
  if (!name.isGradient) return name.tensor.lock();
  auto leaf = leafOf(name.gradientOf, inputs);
  return leaf ? leaf->grad : nullptr;
}

bool isNameRight(const Name& name, const Storage& storage, std::span<const Tensor> inputs) {
  auto tensor = tensorOf(name, inputs);
  return tensor && tensor->storage.get() == &storage && (name.isGradient || tensor->requiresGrad == name.requiresGrad);
}

// What is overwritten shares no memory with anything that was apart from it in the recording.
bool areApart(const Recording& recording, const Overwritten& overwritten, std::span<const Tensor> inputs,
              std::span<const Storage* const> captured) {
  for (std::size_t i = 0; i < inputs.size(); i++) {
    const Storage* storage = inputs[i]->storage.get();
    for (std::size_t k = 0; k < captured.size(); k++) {
      if (captured[k] == storage && (overwritten.captured[k] || overwritten.anyInput)) return false;
    }
    for (std::size_t k = 0; overwritten.anyInput && k < i; k++) {
      auto isShared = [&](const auto& pair) { return pair.second == i; };
      const auto& shared = recording.sharedInputs;
      if (inputs[k]->storage.get() == storage && std::none_of(shared.begin(), shared.end(), isShared)) return false;
    }
  }
  return true;
}

}  // namespace

Overwritten::Overwritten(const Graph& graph, std::size_t capturedCount) : captured(capturedCount) {
  Uses uses(graph);
  for (std::size_t id = 0; id < graph.values.size(); id++) {
    const Value& value = graph.values[id];
    const bool isMutated = uses.isMutated(static_cast<ValueId>(id));
    if (value.origin == Value::Origin::input && isMutated) anyInput = true;
    if (value.origin == Value::Origin::captured) captured[static_cast<std::size_t>(value.index)] = isMutated;
  }
}

std::shared_ptr<TensorImpl> leafOf(const Leaf& leaf, std::span<const Tensor> inputs) {
  return leaf.input < 0 ? leaf.tensor.lock() : inputs[static_cast<std::size_t>(leaf.input)].impl();
}

std::shared_ptr<TensorImpl> tensorOf(const CapturedTensor& captured, std::span<const Tensor> inputs) {
  return captured.constant ? captured.constant.impl() : tensorOf(captured.name, inputs);
}

bool holds(const Recording& recording, const Graph& graph, const Overwritten& overwritten,
           std::span<const Tensor> inputs) {
  std::vector<const Storage*> storages;
  storages.reserve(recording.captured.size());
  for (const CapturedTensor& each : recording.captured) {
    auto tensor = tensorOf(each, inputs);
    if (!tensor || tensor->storage->device() != recording.device) return false;
    if (!each.constant && !each.name.isGradient && tensor->requiresGrad != each.name.requiresGrad) return false;
    storages.push_back(tensor->storage.get());
  }
  for (const Alias& each : recording.aliases) {
    const Value& value = graph[each.value];
    auto index = static_cast<std::size_t>(value.index);
    const Storage* storage = value.origin == Value::Origin::input ? inputs[index]->storage.get() : storages[index];
    if (!isNameRight(each.name, *storage, inputs)) return false;
  }
  for (auto [first, second] : recording.sharedInputs) {
    if (inputs[first]->storage != inputs[second]->storage) return false;
  }
  for (const GradientGuard& guard : recording.guards) {
    auto leaf = leafOf(guard.leaf, inputs);
    if (!leaf || (leaf->grad != nullptr) != guard.hasGradient) return false;
  }
  return areApart(recording, overwritten, inputs, storages);
}

}  // namespace cnn::graph

// A graph for a part of the batch, and its plan repeated for each part.
#include "batch.hpp"

#include <algorithm>

#include "core/device.hpp"
#include "dynamics.hpp"
#include "ops/infer.hpp"
#include "ops/properties.hpp"
#include "per_sample.hpp"

namespace cnn::graph {

namespace {

// What of an op counts samples.
void setBatch(Op& op, Index samples) {
  if (auto* reshape = std::get_if<Reshape>(&op)) reshape->shape[0] = samples;
}

bool changesOrDraws(const Node& node) {
  const int count = static_cast<int>(node.inputs.size());
  for (int i = 0; i < count; i++) {
    if (node.inputs[static_cast<std::size_t>(i)] != noValue && mutates(node.op, i, count)) return true;
  }
  return node.provider >= 0 || isRandom(node.op);
}

}  // namespace

std::vector<Index> BatchPart::starts() const {
  std::vector<Index> starts;
  for (Index first = 0; first < batch; first += samples) starts.push_back(std::min(first, batch - samples));
  return starts;
}

Index batchOf(const Graph& graph) {
  for (const Value& value : graph.values) {
    if (value.origin == Value::Origin::input && value.desc.rank() > 1) return value.desc.shape[0];
  }
  return 0;
}

std::optional<BatchPart> partOf(const Graph& graph, Index samples) {
  BatchPart part{graph, batchOf(graph), samples, std::vector<bool>(graph.values.size())};
  if (samples < 1 || samples >= part.batch) return std::nullopt;
  auto isBatched = [&](ValueId id) { return id != noValue && part.isBatched[static_cast<std::size_t>(id)]; };
  auto descOf = [](const Graph& from, ValueId id) { return id == noValue ? TensorDesc() : from[id].desc; };
  for (std::size_t id = 0; id < graph.values.size(); id++) {
    Value& value = part.graph.values[id];
    if (value.origin != Value::Origin::input || value.desc.rank() == 0 || value.desc.shape[0] != part.batch) continue;
    part.isBatched[id] = true;
    value.desc.shape[0] = samples;
  }
  for (Node& node : part.graph.nodes) {
    if (changesOrDraws(node)) return std::nullopt;
    if (std::none_of(node.inputs.begin(), node.inputs.end(), isBatched)) continue;
    Descs before, after;
    std::vector<bool> areBatched;
    for (ValueId id : node.inputs) {
      before.push_back(descOf(graph, id));
      after.push_back(descOf(part.graph, id));
      areBatched.push_back(isBatched(id));
    }
    if (!isPerSample(node.op, SampleQuery{before, graph[node.outputs[0]].desc, areBatched})) return std::nullopt;
    setBatch(node.op, samples);
    const Descs made = infer(node.op, after);
    for (std::size_t i = 0; i < node.outputs.size(); i++) {
      if (node.outputs[i] == noValue) continue;
      Value& value = part.graph.values[static_cast<std::size_t>(node.outputs[i])];
      if (made[i] == value.desc) continue;  // statistics of a normalisation
      TensorDesc expected = value.desc;
      expected.shape[0] = samples;
      if (value.desc.shape[0] != part.batch || made[i] != expected) return std::nullopt;
      value.desc = expected;
      part.isBatched[static_cast<std::size_t>(node.outputs[i])] = true;
    }
  }
  const bool isWhole = std::all_of(graph.results.begin(), graph.results.end(), [&](ValueId id) {
    return graph[id].origin == Value::Origin::node && isBatched(id);
  });
  return isWhole ? std::optional(std::move(part)) : std::nullopt;
}

namespace {

// The steps of a part, once for each of its runs. Nothing where a result does not lie sample by sample.
std::optional<Plan> repeat(Plan plan, const BatchPart& part, Device& device, const Graph& whole,
                           std::span<const TensorDesc> inputs) {
  std::vector<std::size_t> inputSample(inputs.size()), resultSample(plan.resultBytes.size());  // bytes
  for (std::size_t id = 0; id < whole.values.size(); id++) {
    const Value& value = whole.values[id];
    if (value.origin != Value::Origin::input || !part.isBatched[id]) continue;
    const auto index = static_cast<std::size_t>(value.index);
    inputSample[index] = inputs[index].plainBytes() / static_cast<std::size_t>(part.batch);
  }
  for (Plan::Output& output : plan.outputs) {
    if (output.reference.kind != Reference::Kind::result || output.reference.offset != 0) return std::nullopt;
    const auto layout = device.backend().layoutOfBatch(output.desc, part.batch);
    if (!layout) return std::nullopt;
    resultSample[output.reference.at] = plan.resultBytes[output.reference.at] / static_cast<std::size_t>(part.samples);
    output.desc.shape[0] = part.batch;
    output.desc.layout = *layout;
    if (device.backend().bytes(output.desc) != resultSample[output.reference.at] * static_cast<std::size_t>(part.batch))
      return std::nullopt;
  }
  // Devices whose libraries count on aligned memory get no other.
  auto isAligned = [&](std::size_t bytes) {
    return device.backend().isHostMemory() || bytes % device.backend().arenaAlignment() == 0;
  };
  if (!std::all_of(inputSample.begin(), inputSample.end(), isAligned) ||
      !std::all_of(resultSample.begin(), resultSample.end(), isAligned))
    return std::nullopt;
  for (std::size_t i = 0; i < plan.resultBytes.size(); i++)
    plan.resultBytes[i] = resultSample[i] * static_cast<std::size_t>(part.batch);
  std::vector<Step> steps;
  for (Index start : part.starts()) {
    for (Step step : plan.steps) {
      for (auto* references : {&step.inputs, &step.outputs}) {
        for (Reference& reference : *references) {
          if (reference.kind == Reference::Kind::input)
            reference.offset += static_cast<std::size_t>(start) * inputSample[reference.at];
          if (reference.kind == Reference::Kind::result)
            reference.offset += static_cast<std::size_t>(start) * resultSample[reference.at];
        }
      }
      steps.push_back(std::move(step));
    }
  }
  plan.steps = std::move(steps);
  plan.samples = part.samples;
  return plan;
}

}  // namespace

Plan makePlanInParts(Device& device, const Graph& graph, std::span<const TensorDesc> inputs,
                     std::span<const TensorDesc> captured, Tolerance tolerance, Index samples) {
  if (samples == 0) samples = microBatchOf(graph, device.backend().cacheBytes(), device.backend().hostThreads());
  const bool arePlain =
      std::all_of(inputs.begin(), inputs.end(), [](const TensorDesc& desc) { return desc.layout.isPlain(); });
  if (auto part = arePlain ? partOf(graph, samples) : std::nullopt) {
    std::vector<TensorDesc> partInputs(inputs.begin(), inputs.end());
    for (std::size_t id = 0; id < graph.values.size(); id++) {
      const Value& value = graph.values[id];
      if (value.origin == Value::Origin::input && part->isBatched[id])
        partInputs[static_cast<std::size_t>(value.index)].shape[0] = part->samples;
    }
    if (auto plan =
            repeat(makePlan(device, part->graph, partInputs, captured, tolerance), *part, device, graph, inputs))
      return std::move(*plan);
  }
  return makePlan(device, graph, inputs, captured, tolerance);
}

}  // namespace cnn::graph

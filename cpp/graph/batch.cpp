// Which ops treat samples apart, and how many samples make a part.
#include "batch.hpp"

#include <algorithm>

#include "core/device.hpp"
#include "dynamics.hpp"
#include "memory.hpp"
#include "ops/infer.hpp"
#include "ops/names.hpp"
#include "ops/properties.hpp"

namespace cnn::graph {

namespace {

// What is asked of a node: the descs of its inputs and output 0, and which inputs consist of samples, along axis 0.
struct SampleQuery {
  std::span<const TensorDesc> inputs;
  const TensorDesc& output;
  const std::vector<bool>& isBatched;

  // Whether of the inputs that are there, exactly these consist of samples.
  bool exactly(std::initializer_list<std::size_t> wanted) const {
    for (std::size_t i = 0; i < inputs.size(); i++) {
      const bool isWanted = std::find(wanted.begin(), wanted.end(), i) != wanted.end();
      if (inputs[i].defined && isBatched[i] != isWanted) return false;
    }
    return true;
  }
  // Whether inputs that are broadcast to the output meet it sample by sample.
  bool broadcasts() const {
    for (std::size_t i = 0; i < inputs.size(); i++) {
      if (!inputs[i].defined) continue;
      const bool reachesBatch = inputs[i].rank() == output.rank();
      if (isBatched[i] ? !reachesBatch : reachesBatch && inputs[i].shape[0] != 1) return false;
    }
    return true;
  }
  Index batch() const { return output.rank() > 0 ? output.shape[0] : 0; }
};

bool contains(const Dims& axes, Index axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

// Whether an op makes each sample of its output of the same sample of its inputs alone; one for each op that says Samples::byFields.
bool isPerSample(const ConvActivation&, const SampleQuery& q) { return q.exactly({0, 3}); }
bool isPerSample(const BatchNorm& op, const SampleQuery& q) { return !op.training && q.exactly({0}); }
bool isPerSample(const BatchNormActivation& op, const SampleQuery& q) { return !op.training && q.exactly({0, 5}); }
bool isPerSample(const LayerNorm& op, const SampleQuery& q) { return op.axes < q.output.rank() && q.exactly({0}); }
bool isPerSample(const Linear&, const SampleQuery& q) { return q.inputs[0].rank() > 1 && q.exactly({0}); }
bool isPerSample(const LinearActivation&, const SampleQuery& q) { return q.inputs[0].rank() > 1 && q.exactly({0}); }
bool isPerSample(const MatMul& op, const SampleQuery& q) {
  const bool areBatches = q.inputs[0].rank() == q.inputs[1].rank() && q.inputs[0].rank() > 2;
  if (areBatches && q.exactly({0, 1})) return true;
  return q.exactly({0}) && q.inputs[1].rank() == 2 && (q.output.rank() > 2 || !op.transposeA);
}
bool isPerSample(const Softmax& op, const SampleQuery&) { return op.axis != 0; }
bool isPerSample(const Reduce& op, const SampleQuery&) { return !op.axes.empty() && !contains(op.axes, 0); }
bool isPerSample(const Variance& op, const SampleQuery&) { return !op.axes.empty() && !contains(op.axes, 0); }
bool isPerSample(const PairLoss&, const SampleQuery& q) { return q.exactly({0, 1}); }
bool isPerSample(const ArgReduce& op, const SampleQuery&) { return op.axis > 0; }
bool isPerSample(const Reshape&, const SampleQuery& q) { return q.batch() == q.inputs[0].shape[0]; }
bool isPerSample(const Permute& op, const SampleQuery&) { return op.axes[0] == 0; }
bool isPerSample(const Concat& op, const SampleQuery& q) {
  return op.axis != 0 && std::find(q.isBatched.begin(), q.isBatched.end(), false) == q.isBatched.end();
}
bool isPerSample(const Flip& op, const SampleQuery&) { return !contains(op.axes, 0); }

bool isPerSample(const Op& op, const SampleQuery& query) {
  return std::visit(
      [&]<class O>(const O& each) {
        if constexpr (O::traits.samples == Samples::byFields) {
          return isPerSample(each, query);
        } else if constexpr (O::traits.samples == Samples::ofFirst) {
          return query.exactly({0});
        } else if constexpr (O::traits.samples == Samples::broadcast) {
          return query.broadcasts();
        } else {
          return false;
        }
      },
      op);
}

// What of an op counts samples.
void setBatch(Op& op, Index samples) {
  if (auto* reshape = std::get_if<Reshape>(&op)) reshape->shape[0] = samples;
}

// The batch of the first input that can have one.
Index batchOf(const Graph& graph) {
  for (const Value& value : graph.values) {
    if (value.origin == Value::Origin::input && value.desc.rank() > 1) return value.desc.shape[0];
  }
  return 0;
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
  const bool isWhole = std::all_of(graph.results.begin(), graph.results.end(),
                                   [&](ValueId id) { return graph[id].origin == Value::Origin::node && isBatched(id); });
  return isWhole ? std::optional(std::move(part)) : std::nullopt;
}

Index samplesAtOnce(const Graph& graph, std::size_t cacheBytes, int threads) {
  const Index batch = batchOf(graph);
  if (batch < 2 || cacheBytes == 0) return batch;
  const auto part = partOf(graph, 1);
  if (!part) return batch;
  // Bytes that a sample has alive at most, that it moves in all, and bytes of what stays, which each part reads again.
  const Uses uses(part->graph);
  auto isBatched = [&](ValueId id) { return id != noValue && part->isBatched[static_cast<std::size_t>(id)]; };
  std::vector<std::size_t> dies(part->graph.nodes.size());
  std::size_t alive = 0, most = 0, moved = 0, stable = 0;
  for (std::size_t id = 0; id < part->graph.values.size(); id++) {
    const Value& value = part->graph.values[id];
    const auto& readers = uses.consumers(static_cast<ValueId>(id));
    if (value.origin == Value::Origin::external) stable += value.desc.plainBytes();
    if (!isBatched(static_cast<ValueId>(id))) continue;
    if (value.origin == Value::Origin::input) alive += value.desc.plainBytes();
    const int last = readers.empty() ? uses.producer(static_cast<ValueId>(id)) : readers.back();
    if (last >= 0) dies[static_cast<std::size_t>(last)] += value.desc.plainBytes();
  }
  for (std::size_t n = 0; n < part->graph.nodes.size(); n++) {
    const Node& node = part->graph.nodes[n];
    const bool isOfSameMemory = isView(node.op);
    for (ValueId id : node.inputs) moved += isBatched(id) && !isOfSameMemory ? part->graph[id].desc.plainBytes() : 0;
    for (ValueId id : node.outputs) {
      if (!isBatched(id)) continue;
      alive += part->graph[id].desc.plainBytes();
      moved += isOfSameMemory ? 0 : part->graph[id].desc.plainBytes();
    }
    most = std::max(most, alive);
    alive -= dies[n];
  }
  constexpr Index mostParts = 64;  // each has steps of its own in the plan
  const Index inCache = most == 0 ? batch : static_cast<Index>(cacheBytes / most), inTwice = most == 0 ? batch : static_cast<Index>(2 * cacheBytes / most);
  // Where a thread has a sample or less, ops are so small that waiting for each other takes what the cache saves.
  const Index fitting = std::max({inCache, std::min<Index>(2 * threads, inTwice), (batch + mostParts - 1) / mostParts});
  if (inCache < 1 || fitting >= batch) return batch;
  // So many, or down to half as many, as leave the fewest samples to be done again.
  Index best = fitting, leastDone = batch * 2;
  for (Index samples = fitting; samples >= (fitting + 1) / 2; samples--) {
    const Index done = (batch + samples - 1) / samples * samples;
    if (done >= leastDone) continue;
    leastDone = done;
    best = samples;
  }
  const Index parts = leastDone / best;
  const bool readsMore = static_cast<double>(parts - 1) * static_cast<double>(stable) > static_cast<double>(batch) * static_cast<double>(moved) / 4;
  return readsMore || leastDone > batch + batch / 16 ? batch : best;
}

namespace {

// The steps of a part, once for each of its runs. Nothing where a result does not lie sample by sample.
std::optional<Plan> repeat(Plan plan, const BatchPart& part, Device& device, const Graph& whole, std::span<const TensorDesc> inputs) {
  std::vector<std::size_t> inputSample(inputs.size()), resultSample(plan.resultBytes.size());  // bytes
  for (std::size_t id = 0; id < whole.values.size(); id++) {
    const Value& value = whole.values[id];
    if (value.origin != Value::Origin::input || !part.isBatched[id]) continue;
    const auto index = static_cast<std::size_t>(value.index);
    inputSample[index] = inputs[index].plainBytes() / static_cast<std::size_t>(part.batch);
  }
  for (Plan::Output& output : plan.outputs) {
    if (output.place.kind != Place::Kind::result || output.place.offset != 0) return std::nullopt;
    const auto layout = device.backend().layoutOfBatch(output.desc, part.batch);
    if (!layout) return std::nullopt;
    resultSample[output.place.at] = plan.resultBytes[output.place.at] / static_cast<std::size_t>(part.samples);
    output.desc.shape[0] = part.batch;
    output.desc.layout = *layout;
    if (device.backend().bytes(output.desc) != resultSample[output.place.at] * static_cast<std::size_t>(part.batch)) return std::nullopt;
  }
  // Devices whose libraries count on aligned memory get no other.
  auto isAligned = [&](std::size_t bytes) { return device.backend().isHostMemory() || bytes % arenaAlignment == 0; };
  if (!std::all_of(inputSample.begin(), inputSample.end(), isAligned) || !std::all_of(resultSample.begin(), resultSample.end(), isAligned)) return std::nullopt;
  for (std::size_t i = 0; i < plan.resultBytes.size(); i++) plan.resultBytes[i] = resultSample[i] * static_cast<std::size_t>(part.batch);
  std::vector<Step> steps;
  for (Index start : part.starts()) {
    for (Step step : plan.steps) {
      for (auto* places : {&step.inputs, &step.outputs}) {
        for (Place& place : *places) {
          if (place.kind == Place::Kind::input) place.offset += static_cast<std::size_t>(start) * inputSample[place.at];
          if (place.kind == Place::Kind::result) place.offset += static_cast<std::size_t>(start) * resultSample[place.at];
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

Plan makePlanInParts(Device& device, const Graph& graph, std::span<const TensorDesc> inputs, std::span<const TensorDesc> externals, Effort effort,
                     Index samples) {
  if (samples == 0) samples = samplesAtOnce(graph, device.backend().cacheBytes(), device.backend().hostThreads());
  const bool arePlain = std::all_of(inputs.begin(), inputs.end(), [](const TensorDesc& desc) { return desc.layout.isPlain(); });
  if (auto part = arePlain ? partOf(graph, samples) : std::nullopt) {
    std::vector<TensorDesc> partInputs(inputs.begin(), inputs.end());
    for (std::size_t id = 0; id < graph.values.size(); id++) {
      const Value& value = graph.values[id];
      if (value.origin == Value::Origin::input && part->isBatched[id]) partInputs[static_cast<std::size_t>(value.index)].shape[0] = part->samples;
    }
    if (auto plan = repeat(makePlan(device, part->graph, partInputs, externals, effort), *part, device, graph, inputs)) return std::move(*plan);
  }
  return makePlan(device, graph, inputs, externals, effort);
}

}  // namespace cnn::graph

// How many samples of a batch go through a program together: what they keep in the cache is weighed against the weights
// that each part reads again.
#include <algorithm>

#include "batch.hpp"
#include "ops/properties.hpp"

namespace cnn::graph {

namespace {

struct Traffic {
  std::size_t peak = 0;     // bytes that a sample has alive at most
  std::size_t moved = 0;    // that a sample reads and writes in all
  std::size_t weights = 0;  // that stay, and which each part reads again
};

// `part`: of one sample.
Traffic trafficOf(const BatchPart& part) {
  const Graph& graph = part.graph;
  const Uses uses(graph);
  auto isBatched = [&](ValueId id) { return id != noValue && part.isBatched[static_cast<std::size_t>(id)]; };
  Traffic traffic;
  std::vector<std::size_t> dies(graph.nodes.size());
  std::size_t alive = 0;
  for (std::size_t id = 0; id < graph.values.size(); id++) {
    const Value& value = graph.values[id];
    const auto& readers = uses.consumers(static_cast<ValueId>(id));
    if (value.origin == Value::Origin::captured) traffic.weights += value.desc.plainBytes();
    if (!isBatched(static_cast<ValueId>(id))) continue;
    if (value.origin == Value::Origin::input) alive += value.desc.plainBytes();
    const int last = readers.empty() ? uses.producer(static_cast<ValueId>(id)) : readers.back();
    if (last >= 0) dies[static_cast<std::size_t>(last)] += value.desc.plainBytes();
  }
  for (std::size_t n = 0; n < graph.nodes.size(); n++) {
    const Node& node = graph.nodes[n];
    const bool isOfSameMemory = isView(node.op);
    for (ValueId id : node.inputs) traffic.moved += isBatched(id) && !isOfSameMemory ? graph[id].desc.plainBytes() : 0;
    for (ValueId id : node.outputs) {
      if (!isBatched(id)) continue;
      alive += graph[id].desc.plainBytes();
      traffic.moved += isOfSameMemory ? 0 : graph[id].desc.plainBytes();
    }
    traffic.peak = std::max(traffic.peak, alive);
    alive -= dies[n];
  }
  return traffic;
}

// `most` samples, or down to half as many, as leave the fewest to be done again.
Index evenest(Index batch, Index most) {
  Index best = most, leastDone = batch * 2;
  for (Index samples = most; samples >= (most + 1) / 2; samples--) {
    const Index done = (batch + samples - 1) / samples * samples;
    if (done >= leastDone) continue;
    leastDone = done;
    best = samples;
  }
  return best;
}

}  // namespace

Index microBatchOf(const Graph& graph, std::size_t cacheBytes, int threads) {
  const Index batch = batchOf(graph);
  if (batch < 2 || cacheBytes == 0) return batch;
  const auto part = partOf(graph, 1);
  if (!part) return batch;
  const Traffic traffic = trafficOf(*part);
  if (traffic.peak == 0) return batch;
  constexpr Index mostParts = 64;  // each has steps of its own in the plan
  const auto inCache = static_cast<Index>(cacheBytes / traffic.peak),
             inTwice = static_cast<Index>(2 * cacheBytes / traffic.peak);
  // Where a thread has a sample or less, ops are so small that waiting for each other takes what the cache saves.
  const Index fitting = std::max({inCache, std::min<Index>(2 * threads, inTwice), (batch + mostParts - 1) / mostParts});
  if (inCache < 1 || fitting >= batch) return batch;
  const Index samples = evenest(batch, fitting), parts = (batch + samples - 1) / samples;
  const bool readsMore = static_cast<double>(parts - 1) * static_cast<double>(traffic.weights) >
                         static_cast<double>(batch) * static_cast<double>(traffic.moved) / 4;
  return readsMore || parts * samples > batch + batch / 16 ? batch : samples;
}

}  // namespace cnn::graph

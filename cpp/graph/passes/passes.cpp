// The list of passes, and the two that need no page of their own.
#include "rewrite.hpp"

namespace cnn::graph {

Graph removeDeadCode(const Graph& graph, const Target&) {
  Uses uses(graph);
  std::vector<bool> isNeeded(graph.values.size());
  for (ValueId id : graph.results) isNeeded[static_cast<std::size_t>(id)] = true;
  Graph result{graph.values, {}, graph.results};
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    bool lives = false;
    int count = static_cast<int>(node.inputs.size());
    for (int i = 0; i < count; i++) {
      ValueId id = node.inputs[static_cast<std::size_t>(i)];
      // What was there before and is overwritten stays changed; what was made here counts while somebody reads it.
      if (id != noValue && mutates(node.op, i, count))
        lives = lives || uses.producer(id) < 0 || isNeeded[static_cast<std::size_t>(id)];
    }
    for (ValueId id : node.outputs) lives = lives || isNeeded[static_cast<std::size_t>(id)];
    if (!lives) continue;
    for (ValueId id : node.inputs) {
      if (id != noValue) isNeeded[static_cast<std::size_t>(id)] = true;
    }
    result.nodes.push_back(node);
  }
  std::reverse(result.nodes.begin(), result.nodes.end());
  return result;
}

std::span<const NamedPass> passes() {
  static constexpr NamedPass list[] = {
      {"removeDeadCode", removeDeadCode},
      {"foldBatchNorm", foldBatchNorm},
      {"removeDeadCode", removeDeadCode},
      {"fuseConv", fuseConv},
      {"fuseLinear", fuseLinear},
      {"maskBeforePool", maskBeforePool},
      {"fuseBatchNorm", fuseBatchNorm},
      {"fuseBatchNormBackward", fuseBatchNormBackward},
      {"fuseCrossEntropy", fuseCrossEntropy},
      {"fuseElementwise", fuseElementwise},
      {"removeDeadCode", removeDeadCode},
  };
  return list;
}

}  // namespace cnn::graph

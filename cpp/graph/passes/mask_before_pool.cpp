// maskBeforePool: what flows back through max pooling to an activation is masked before it is spread out. Each number
// goes to the element that was the maximum, whose value is the pooled one: the mask is the same, and there are as many
// numbers as windows.
#include "rewrite.hpp"

namespace cnn::graph {

Graph maskBeforePool(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int masked = 0; masked < rewrite.count(); masked++) {
    const UnaryBackward* mask = rewrite.as<UnaryBackward>(masked);
    if (!mask || !activationOf(mask->function)) continue;
    const ValueId spread = rewrite.node(masked).inputs[0], y = rewrite.node(masked).inputs[1];
    const int n = rewrite.uses.producer(spread);
    const MaxPoolBackward* backward = rewrite.as<MaxPoolBackward>(n);
    if (!backward || rewrite.onlyReader(spread) != masked) continue;
    const Node& node = rewrite.node(n);  // dy state
    const int forward = rewrite.uses.producer(node.inputs[1]);
    if (!rewrite.as<MaxPool>(forward) || rewrite.node(forward).inputs[0] != y) continue;
    const ValueId pooled = rewrite.node(forward).outputs[0];
    if (rewrite.uses.isMutated(y) || rewrite.uses.isMutated(pooled) || rewrite.uses.isMutated(node.inputs[0])) continue;
    const UnaryBackward moved = *mask;
    const ValueId dy = rewrite.emit(masked, moved, {node.inputs[0], pooled})[0];
    rewrite.replace(masked, Node{node.op, {dy, node.inputs[1]}, rewrite.node(masked).outputs});
    rewrite.drop(n);
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

// fuseLinear: a matrix product applies the activation while its sums are still in registers.
#include "rewrite.hpp"

namespace cnn::graph {

Graph fuseLinear(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int n = 0; n < rewrite.count(); n++) {
    if (!rewrite.as<Linear>(n)) continue;
    const Node& node = rewrite.node(n);
    const int next = rewrite.onlyReader(node.outputs[0]);
    const Unary* unary = rewrite.as<Unary>(next);
    const auto activation = unary ? activationOf(unary->function) : std::nullopt;
    if (!activation || !rewrite.isMovable(n, next)) continue;
    Node made{LinearActivation{.activation = *activation}, node.inputs, rewrite.node(next).outputs};
    if (!rewrite.takes(made, node)) continue;
    rewrite.replace(next, std::move(made));
    rewrite.drop(n);
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

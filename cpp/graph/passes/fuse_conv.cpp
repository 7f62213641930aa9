// fuseConv: a convolution adds the residual and applies the activation while its output is still in registers.
#include "rewrite.hpp"

namespace cnn::graph {

Graph fuseConv(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int n = 0; n < rewrite.count(); n++) {
    const Conv* conv = rewrite.as<Conv>(n);
    if (!conv) continue;
    const Node& node = rewrite.node(n);
    Tail tail = tailOf(rewrite, node.outputs[0]);
    if (tail.last() < 0 || !rewrite.isMovable(n, tail.last())) continue;
    ConvActivation fused{.stride = conv->stride, .padding = conv->padding, .paddingEnd = conv->paddingEnd, .dilation = conv->dilation,
                         .groups = conv->groups, .activation = tail.function};
    // It runs where the tail ended: by then the residual is there.
    Node made{fused, {node.inputs[0], node.inputs[1], node.inputs[2], tail.residual}, rewrite.node(tail.last()).outputs};
    if (!rewrite.takes(made, node)) continue;
    rewrite.replaceTail(n, tail, std::move(made));
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

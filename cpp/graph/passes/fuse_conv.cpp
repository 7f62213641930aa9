// fuseConv: a convolution adds the residual and applies the activation while its output is still in registers.
#include "rewrite.hpp"

namespace cnn::graph {

namespace {

// A convolution, also one that has a bias of another type and no tail yet.
std::optional<Conv> convOf(const Rewrite& rewrite, int n) {
  if (const Conv* conv = rewrite.as<Conv>(n)) return *conv;
  const ConvActivation* conv = rewrite.as<ConvActivation>(n);
  bool isBare = conv && conv->activation == Activation::identity && rewrite.node(n).inputs[3] == noValue;
  return isBare ? std::optional(conv->conv()) : std::nullopt;
}

}  // namespace

Graph fuseConv(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int n = 0; n < rewrite.count(); n++) {
    const std::optional<Conv> conv = convOf(rewrite, n);
    if (!conv) continue;
    const Node& node = rewrite.node(n);
    Tail tail = tailOf(rewrite, node.outputs[0]);
    if (tail.last() < 0 || !rewrite.isMovable(n, tail.last())) continue;
    // It runs where the tail ended: by then the residual is there.
    Node made{withActivation(*conv, tail.function),
              {node.inputs[0], node.inputs[1], node.inputs[2], tail.residual},
              rewrite.node(tail.last()).outputs};
    if (!rewrite.takes(made, node)) continue;
    rewrite.replaceTail(n, tail, std::move(made));
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

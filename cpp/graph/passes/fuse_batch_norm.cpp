// fuseBatchNorm: normalisation, residual and activation in one sweep; backward, the activation's mask within the norm's
// gradient.
#include "rewrite.hpp"

namespace cnn::graph {

Graph fuseBatchNorm(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int n = 0; n < rewrite.count(); n++) {
    const BatchNorm* norm = rewrite.as<BatchNorm>(n);
    if (!norm) continue;
    const Node& node = rewrite.node(n);
    Tail tail = tailOf(rewrite, node.outputs[0]);
    if (tail.last() < 0 || !rewrite.isMovable(n, tail.last())) continue;
    BatchNormActivation fused{
        .training = norm->training, .eps = norm->eps, .activation = tail.function, .momentum = norm->momentum};
    Node made{
        fused, node.inputs, {rewrite.node(tail.last()).outputs[0], node.outputs[1], node.outputs[2]}, node.provider};
    made.inputs.push_back(tail.residual);
    if (!rewrite.takes(made, node)) continue;
    rewrite.replaceTail(n, tail, std::move(made));
  }
  return rewrite.finish();
}

Graph fuseBatchNormBackward(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int masked = 0; masked < rewrite.count(); masked++) {
    const UnaryBackward* mask = rewrite.as<UnaryBackward>(masked);
    auto function = mask ? activationOf(mask->function) : std::nullopt;
    if (!function) continue;
    ValueId dy = rewrite.node(masked).inputs[0], y = rewrite.node(masked).inputs[1],
            g = rewrite.node(masked).outputs[0];
    const std::vector<int>& readers = rewrite.uses.consumers(g);
    if (readers.empty() || rewrite.uses.isMutated(g) || rewrite.uses.isMutated(dy)) continue;
    int n = readers[0];  // the first of them can hand the masked gradient on to the others
    const BatchNormBackward* backward = rewrite.as<BatchNormBackward>(n);
    if (!backward || rewrite.node(n).inputs[0] != g) continue;
    bool isShared = rewrite.onlyReader(g) != n;
    const Node& node = rewrite.node(n);  // dy x weight? mean invStd
    // Where y is the activation of this very norm alone, the mask follows from x, and y need not be read.
    const Node* forward = rewrite.uses.producer(y) < 0 ? nullptr : &rewrite.node(rewrite.uses.producer(y));
    const auto* norm = forward ? std::get_if<BatchNormActivation>(&forward->op) : nullptr;
    bool followsFromX = norm && !isShared && norm->activation == *function && forward->inputs[0] == node.inputs[1] &&
                        forward->inputs[5] == noValue && forward->outputs[1] == node.inputs[3];
    BatchNormActivationBackward fused{
        .training = backward->training, .eps = backward->eps, .activation = *function, .residual = isShared};
    Node made{fused,
              {dy, node.inputs[1], node.inputs[2], followsFromX ? forward->inputs[2] : noValue, node.inputs[3],
               node.inputs[4], followsFromX ? noValue : y},
              node.outputs};
    if (isShared) made.outputs.push_back(g);
    if (!rewrite.takes(made, node)) continue;
    rewrite.replace(n, std::move(made));
    rewrite.drop(masked);
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

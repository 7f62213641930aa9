// fuseCrossEntropy: the loss of a classifier reads the logits once, forward and backward, and the log-probabilities are
// never written.
#include "rewrite.hpp"

namespace cnn::graph {

namespace {

bool isLogSoftmax(const Softmax* op) { return op && op->log && op->axis == 1; }

// What of the backward pass reads the log-probabilities: softmaxBackward of what nllLossBackward made, each for this
// alone.
struct Pair {
  int nll, softmax;
};

std::optional<std::vector<Pair>> pairsOf(const Rewrite& rewrite, int loss) {
  const Node& forward = rewrite.node(loss);
  const auto& rule = std::get<NllLoss>(forward.op);
  std::vector<Pair> pairs;
  for (int reader : rewrite.uses.consumers(forward.inputs[0])) {
    if (reader == loss) continue;
    const SoftmaxBackward* outer = rewrite.as<SoftmaxBackward>(reader);
    if (!outer || !outer->log || outer->axis != 1 || rewrite.node(reader).inputs[1] != forward.inputs[0])
      return std::nullopt;
    ValueId dlogp = rewrite.node(reader).inputs[0];
    int producer = rewrite.uses.producer(dlogp);
    const NllLossBackward* inner = rewrite.as<NllLossBackward>(producer);
    if (!inner || rewrite.onlyReader(dlogp) != reader || inner->reduction != rule.reduction ||
        inner->ignoreIndex != rule.ignoreIndex)
      return std::nullopt;
    const std::vector<ValueId>& given = rewrite.node(producer).inputs;  // dy target weight? totalWeight
    if (given[1] != forward.inputs[1] || given[2] != forward.inputs[2] || given[3] != forward.outputs[1])
      return std::nullopt;
    pairs.push_back({producer, reader});
  }
  return pairs;
}

}  // namespace

Graph fuseCrossEntropy(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int n = 0; n < rewrite.count(); n++) {
    const NllLoss* loss = rewrite.as<NllLoss>(n);
    if (!loss) continue;
    const std::vector<ValueId> inputs = rewrite.node(n).inputs, outputs = rewrite.node(n).outputs;
    ValueId logp = inputs[0];
    int softmax = rewrite.uses.producer(logp);
    if (!isLogSoftmax(rewrite.as<Softmax>(softmax)) || rewrite.graph[logp].desc.rank() != 2) continue;
    ValueId logits = rewrite.node(softmax).inputs[0];
    auto isKept = [&](ValueId id) { return id == noValue || !rewrite.uses.isMutated(id); };
    if (rewrite.uses.isResult(logp) || !isKept(logp) || !isKept(logits) || !isKept(inputs[1]) || !isKept(inputs[2]))
      continue;
    auto pairs = pairsOf(rewrite, n);
    if (!pairs) continue;
    Node forward{CrossEntropy{.reduction = loss->reduction, .ignoreIndex = loss->ignoreIndex},
                 {logits, inputs[1], inputs[2]},
                 outputs};
    if (!rewrite.takes(forward, rewrite.node(softmax))) continue;
    ValueId logSums = rewrite.graph.add(infer(forward.op, rewrite.descs(forward.inputs))[2]);
    forward.outputs.push_back(logSums);
    std::vector<Node> backward;
    for (const Pair& pair : *pairs) {
      ValueId dy = rewrite.node(pair.nll).inputs[0];
      backward.push_back({CrossEntropyBackward{.reduction = loss->reduction, .ignoreIndex = loss->ignoreIndex},
                          {dy, logits, inputs[1], inputs[2], outputs[1], logSums},
                          rewrite.node(pair.softmax).outputs});
    }
    bool areTaken = true;
    for (std::size_t i = 0; i < backward.size(); i++) {
      areTaken =
          areTaken && isKept(backward[i].inputs[0]) && rewrite.takes(backward[i], rewrite.node((*pairs)[i].softmax));
    }
    if (!areTaken) continue;
    rewrite.drop(softmax);
    rewrite.replace(n, std::move(forward));
    for (std::size_t i = 0; i < backward.size(); i++) {
      rewrite.drop((*pairs)[i].nll);
      rewrite.replace((*pairs)[i].softmax, std::move(backward[i]));
    }
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

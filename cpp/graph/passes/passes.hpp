// The passes: functions from graph to graph. Each can be printed and tested on its own; together they make what runs.
#pragma once

#include <functional>

#include "graph/graph.hpp"

namespace cnn::graph {

/// An op on tensors of these kinds.
struct Call {
  const Op& op;
  Descs inputs, outputs;
};

/// What a pass may ask of the device: whether it computes a fused op better than its parts, of which `part` is the one
/// that costs most. Fused ops stay only where it does.
struct Target {
  std::function<bool(const Call& fused, const Call& part)> takes;
};

using Pass = Graph (*)(const Graph&, const Target&);

/// Leaves out nodes whose results nobody reads.
Graph removeDeadCode(const Graph&, const Target&);
/// In evaluation, conv → batchNorm is a conv whose weight and bias were computed once: w·γ/σ and β + (b − μ)·γ/σ.
Graph foldBatchNorm(const Graph&, const Target&);
/// conv → (+ residual) → activation as one op.
Graph fuseConv(const Graph&, const Target&);
/// linear → activation as one op.
Graph fuseLinear(const Graph&, const Target&);
/// The gradient of an activation before that of the max pooling behind it, where there are fewer numbers.
Graph maskBeforePool(const Graph&, const Target&);
/// batchNorm → (+ residual) → activation as one op.
Graph fuseBatchNorm(const Graph&, const Target&);
/// The activation's gradient within the normalisation's.
Graph fuseBatchNormBackward(const Graph&, const Target&);
/// logSoftmax → nllLoss, and their gradients, as one op each.
Graph fuseCrossEntropy(const Graph&, const Target&);

/// Element-wise ops that follow each other as one op.
Graph fuseElementwise(const Graph&, const Target&);

struct NamedPass {
  std::string_view name;
  Pass run;
};
/// In the order in which they run.
std::span<const NamedPass> passes();

}  // namespace cnn::graph

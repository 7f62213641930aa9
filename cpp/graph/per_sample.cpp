// The ops that say Samples::byFields have a rule each.
#include "per_sample.hpp"

namespace cnn::graph {

namespace {

bool contains(const Dims& axes, Index axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

// Whether an op makes each sample of its output of the same sample of its inputs alone; one for each op that says
// Samples::byFields.
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

}  // namespace

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

}  // namespace cnn::graph

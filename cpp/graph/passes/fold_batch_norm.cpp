// foldBatchNorm: in evaluation a normalisation is a scale and a shift of each channel, which the convolution before it can do.
#include "rewrite.hpp"

namespace cnn::graph {

Graph foldBatchNorm(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  auto isStable = [&](ValueId id) { return id == noValue || rewrite.uses.isStable(id); };
  for (int n = 0; n < rewrite.count(); n++) {
    const Conv* conv = rewrite.as<Conv>(n);
    if (!conv) continue;
    const Node node = rewrite.node(n);
    // A half weight would be rounded once more by what is folded into it.
    if (isHalf(rewrite.graph[node.inputs[1]].desc.dtype)) continue;
    int next = rewrite.onlyReader(node.outputs[0]);
    const BatchNorm* norm = rewrite.as<BatchNorm>(next);
    if (!norm || norm->training || rewrite.node(next).inputs[0] != node.outputs[0]) continue;
    const BatchNorm op = *norm;
    const Node normNode = rewrite.node(next);
    // Only what does not change from run to run is worth computing ahead.
    bool isConstant = isStable(node.inputs[1]) && isStable(node.inputs[2]);
    for (int i = 1; i < 5; i++) isConstant = isConstant && isStable(normNode.inputs[static_cast<std::size_t>(i)]);
    bool isReadElsewhere = !rewrite.uses.consumers(normNode.outputs[1]).empty() || !rewrite.uses.consumers(normNode.outputs[2]).empty();
    if (!isConstant || isReadElsewhere) continue;

    auto unary = [&](UnaryFunction function, ValueId x, double alpha = 0, double beta = 0) {
      return rewrite.emit(next, Unary{.function = function, .alpha = alpha, .beta = beta}, {x})[0];
    };
    auto binary = [&](BinaryFunction function, ValueId a, ValueId b) { return rewrite.emit(next, Binary{.function = function}, {a, b})[0]; };
    ValueId gamma = normNode.inputs[1], beta = normNode.inputs[2], mean = normNode.inputs[3], variance = normNode.inputs[4];
    ValueId scale = unary(UnaryFunction::rsqrt, unary(UnaryFunction::affine, variance, 1, op.eps));
    if (gamma != noValue) scale = binary(BinaryFunction::mul, scale, gamma);
    Dims column = Dims::filled(rewrite.graph[node.inputs[1]].desc.rank(), 1);
    column[0] = rewrite.graph[scale].desc.shape[0];
    ValueId weight = binary(BinaryFunction::mul, node.inputs[1], rewrite.emit(next, Reshape{.shape = column}, {scale})[0]);
    ValueId centre = node.inputs[2] == noValue ? unary(UnaryFunction::neg, mean) : binary(BinaryFunction::sub, node.inputs[2], mean);
    ValueId bias = binary(BinaryFunction::mul, centre, scale);
    if (beta != noValue) bias = binary(BinaryFunction::add, bias, beta);
    rewrite.replace(next, Node{*conv, {node.inputs[0], weight, bias}, {normNode.outputs[0]}});
    rewrite.drop(n);
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

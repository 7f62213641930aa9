// foldBatchNorm: in evaluation a normalisation is a scale and a shift of each channel, which the convolution before it
// can do. Beside half types all is folded in float32, into the weight that was cast where there is one, and rounded
// once at the end: the weight's rounding takes the place of that of the convolution's result. (Products of float16 have
// its range: the channel of a constant far from zero, whose variance is almost none, may leave it.)
#include "rewrite.hpp"

namespace cnn::graph {

Graph foldBatchNorm(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  auto isStable = [&](ValueId id) { return id == noValue || rewrite.uses.isStable(id); };
  for (int n = 0; n < rewrite.count(); n++) {
    const Conv* conv = rewrite.as<Conv>(n);
    if (!conv) continue;
    const Node node = rewrite.node(n);
    const DType dtype = rewrite.graph[node.inputs[1]].desc.dtype;
    int next = rewrite.onlyReader(node.outputs[0]);
    const BatchNorm* norm = rewrite.as<BatchNorm>(next);
    if (!norm || norm->training || rewrite.node(next).inputs[0] != node.outputs[0]) continue;
    const BatchNorm op = *norm;
    const Node normNode = rewrite.node(next);
    // Only what does not change from run to run is worth computing ahead.
    bool isConstant = isStable(node.inputs[1]) && isStable(node.inputs[2]);
    for (int i = 1; i < 5; i++) isConstant = isConstant && isStable(normNode.inputs[static_cast<std::size_t>(i)]);
    bool isReadElsewhere =
        !rewrite.uses.consumers(normNode.outputs[1]).empty() || !rewrite.uses.consumers(normNode.outputs[2]).empty();
    if (!isConstant || isReadElsewhere) continue;

    auto cast = [&](ValueId id, DType to) { return rewrite.emit(next, Cast{.dtype = to}, {id})[0]; };
    auto widened = [&](ValueId id) {
      if (id == noValue || !isHalf(rewrite.graph[id].desc.dtype)) return id;
      int producer = rewrite.uses.producer(id);
      if (rewrite.as<Cast>(producer)) {
        ValueId source = rewrite.node(producer).inputs[0];
        if (rewrite.graph[source].desc.dtype == DType::float32) return source;  // before autocast rounded it
      }
      return cast(id, DType::float32);
    };
    auto unary = [&](UnaryFunction function, ValueId x, double alpha = 0, double beta = 0) {
      return rewrite.emit(next, Unary{.function = function, .alpha = alpha, .beta = beta}, {x})[0];
    };
    auto binary = [&](BinaryFunction function, ValueId a, ValueId b) {
      return rewrite.emit(next, Binary{.function = function}, {a, b})[0];
    };
    ValueId gamma = widened(normNode.inputs[1]), beta = widened(normNode.inputs[2]);
    ValueId mean = widened(normNode.inputs[3]), variance = widened(normNode.inputs[4]), given = widened(node.inputs[2]);
    ValueId scale = unary(UnaryFunction::rsqrt, unary(UnaryFunction::affine, variance, 1, op.eps));
    if (gamma != noValue) scale = binary(BinaryFunction::mul, scale, gamma);
    Dims column = Dims::filled(rewrite.graph[node.inputs[1]].desc.rank(), 1);
    column[0] = rewrite.graph[scale].desc.shape[0];
    ValueId weight =
        binary(BinaryFunction::mul, widened(node.inputs[1]), rewrite.emit(next, Reshape{.shape = column}, {scale})[0]);
    ValueId centre = given == noValue ? unary(UnaryFunction::neg, mean) : binary(BinaryFunction::sub, given, mean);
    ValueId bias = binary(BinaryFunction::mul, centre, scale);
    if (beta != noValue) bias = binary(BinaryFunction::add, bias, beta);
    Node made{*conv, {node.inputs[0], weight, bias}, {normNode.outputs[0]}};
    if (isHalf(dtype)) {
      made.inputs[1] = cast(weight, dtype);
      Node single = made;  // the bias stays float32 where the device adds such a one
      single.op = withActivation(*conv, Activation::identity);
      single.inputs.push_back(noValue);
      if (rewrite.takes(single, node)) {
        made = std::move(single);
      } else {
        made.inputs[2] = cast(bias, dtype);
      }
    }
    rewrite.replace(next, std::move(made));
    rewrite.drop(n);
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

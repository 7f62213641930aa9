// The graphs of batch normalisation in training. (cuDNN has none for evaluation, where it is a scale and a shift.)
#include "lift.hpp"
#include "plans.hpp"

namespace cnn::cuda::plans {

using graph::Graph;
using graph::Tensor;

// Statistics and parameters are float32 whatever the type of x.

graph::Planned batchNorm(const TensorDesc& x, bool hasRunningStatistics, const graph::Target& target) {
  return graph::makePlan(target, graph::Compilation::allowed, [&](Graph& graph) {
    auto channels = [&] { return addChannels(graph, x, DType::float32); };
    const int rank = lift(x).rank();
    Tensor xTensor = addTensor(graph, x), scale = channels(), bias = channels(), epsilon = graph.addScalar(rank);
    std::optional<graph::RunningStatistics> running;
    if (hasRunningStatistics) {
      Tensor mean = channels(), variance = channels(), newMean = channels(), newVariance = channels();
      running = {mean, variance, newMean, newVariance, graph.addScalar(rank)};
    }
    Tensor mean = channels(), invStd = channels(), y = addTensor(graph, x);
    graph.batchNorm(xTensor, scale, bias, epsilon, running, mean, invStd, y);
  });
}

graph::Planned batchNormBackward(const TensorDesc& x, const graph::Target& target) {
  return graph::makePlan(target, graph::Compilation::allowed, [&](Graph& graph) {
    auto channels = [&] { return addChannels(graph, x, DType::float32); };
    Tensor dy = addTensor(graph, x), xTensor = addTensor(graph, x), scale = channels(), mean = channels(),
           invStd = channels();
    Tensor dx = addTensor(graph, x), dscale = channels(), dbias = channels();
    graph.batchNormBackward(dy, xTensor, scale, mean, invStd, dx, dscale, dbias);
  });
}

}  // namespace cnn::cuda::plans

// The graphs of pooling.
#include "lift.hpp"
#include "plans.hpp"

namespace cnn::cuda::plans {

namespace {

using graph::Graph;
using graph::Tensor;

// The padding at the end that the last window needs; at most what makes sizes fit.
template <class Pool>
graph::PoolWindow windowOf(cudnnResampleMode_t mode, const Pool& op, const Dims& x, const Dims& y) {
  Dims after;
  for (int i = 0; i < op.stride.size(); i++) {
    after.push(std::max<Index>(0, (y[i] - 1) * op.stride[i] + op.kernelSize[i] - x[i] - op.padding[i]));
  }
  return {mode, liftSizes(op.kernelSize, 1), liftSizes(op.stride, 1), liftSizes(op.padding, 0), liftSizes(after, 0)};
}

template <class Pool>
std::string maxRefusal(const Pool& op) {
  if (op.returnIndices) return "cuDNN's index of a maximum counts within its window, not within the plane";
  for (Index dilation : op.dilation) {
    if (dilation != 1) return "cuDNN's windows have no dilation";
  }
  return "";
}

template <class Pool>
struct Mean {
  graph::PoolWindow window;
  std::string refusal;
};

// cuDNN divides by the whole window or by what of it lies inside; in ceil mode ours may count padding but not what lies
// beyond it.
template <class Pool>
Mean<Pool> meanOf(const Pool& op, const Dims& x, const Dims& y) {
  bool countsPadding = op.countIncludePad || op.divisor;
  Mean<Pool> mean{
      windowOf(countsPadding ? CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING : CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING, op, x,
               y),
      ""};
  if (op.divisor && op.divisor != op.kernelSize.product())
    mean.refusal = "cuDNN divides by the size of the window only";
  for (int i = 0; i < op.stride.size(); i++) {
    Index after = (y[i] - 1) * op.stride[i] + op.kernelSize[i] - x[i] - op.padding[i];
    if (countsPadding && !op.divisor && after > op.padding[i])
      mean.refusal = "cuDNN counts what ceilMode adds beyond the padding";
  }
  return mean;
}

}  // namespace

graph::Planned maxPool(const MaxPool& op, const TensorDesc& x, const TensorDesc& y, const graph::Target& target) {
  if (std::string refusal = maxRefusal(op); !refusal.empty()) return {nullptr, refusal};
  return graph::makePlan(target, graph::compilationFor(target), [&](Graph& graph) {
    Tensor xTensor = addTensor(graph, x), yTensor = addTensor(graph, y), state = addBytes(graph, y);
    graph.pool(windowOf(CUDNN_RESAMPLE_MAXPOOL, op, x.shape.slice(2), y.shape.slice(2)), xTensor, yTensor, state);
  });
}

// Who has a state of cuDNN's has no other way.
graph::Planned maxPoolBackward(const MaxPoolBackward& op, const TensorDesc& dy, const TensorDesc& dx,
                               const graph::Target& target) {
  if (std::string refusal = maxRefusal(op); !refusal.empty()) return {nullptr, refusal};
  return graph::makePlan(target, graph::Compilation::allowed, [&](Graph& graph) {
    Tensor dyTensor = addTensor(graph, dy), state = addBytes(graph, dy), dxTensor = addTensor(graph, dx);
    graph.poolBackward(windowOf(CUDNN_RESAMPLE_MAXPOOL, op, dx.shape.slice(2), dy.shape.slice(2)), dyTensor, state,
                       dxTensor);
  });
}

graph::Planned avgPool(const AvgPool& op, const TensorDesc& x, const TensorDesc& y, const graph::Target& target) {
  auto mean = meanOf(op, x.shape.slice(2), y.shape.slice(2));
  if (!mean.refusal.empty()) return {nullptr, mean.refusal};
  return graph::makePlan(target, graph::compilationFor(target), [&](Graph& graph) {
    Tensor xTensor = addTensor(graph, x), yTensor = addTensor(graph, y);
    graph.pool(mean.window, xTensor, yTensor, std::nullopt);
  });
}

graph::Planned avgPoolBackward(const AvgPoolBackward& op, const TensorDesc& dy, const TensorDesc& dx,
                               const graph::Target& target) {
  auto mean = meanOf(op, dx.shape.slice(2), dy.shape.slice(2));
  if (!mean.refusal.empty()) return {nullptr, mean.refusal};
  return graph::makePlan(target, graph::compilationFor(target), [&](Graph& graph) {
    Tensor dyTensor = addTensor(graph, dy), dxTensor = addTensor(graph, dx);
    graph.poolBackward(mean.window, dyTensor, std::nullopt, dxTensor);
  });
}

}  // namespace cnn::cuda::plans

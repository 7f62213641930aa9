// The graphs of convolution and of its two gradients.
#include "lift.hpp"
#include "plans.hpp"

namespace cnn::cuda::plans {

namespace {

using graph::Compilation;
using graph::Graph;
using graph::Tensor;

// The paddings with which cuDNN's windows are ours. What lies beyond the last window is read by none, so the end
// padding may be any of `stride` values; where the padding of the beginning is one of them, the convolution becomes a
// symmetric one, which more engines take.
template <class AnyConv>
graph::ConvWindow windowOf(const AnyConv& op, const Dims& x, const Dims& kernel, const Dims& y) {
  Dims after;
  for (int i = 0; i < op.stride.size(); i++) {
    Index reach = (kernel[i] - 1) * op.dilation[i] + 1;
    Index least = (y[i] - 1) * op.stride[i] + reach - x[i] - op.padding[i];
    bool canBeSymmetric = op.padding[i] >= least && op.padding[i] < least + op.stride[i];
    after.push(canBeSymmetric ? op.padding[i] : op.paddingEnd[i]);
  }
  return {liftSizes(op.stride, 1), liftSizes(op.padding, 0), liftSizes(after, 0), liftSizes(op.dilation, 1)};
}

// cuDNN's name of an activation; nothing where it has none with the same definition.
std::optional<graph::Pointwise> activationOf(const Unary& op) {
  switch (op.function) {
    case UnaryFunction::relu: return graph::Pointwise{.mode = CUDNN_POINTWISE_RELU_FWD};
    case UnaryFunction::relu6:
      return graph::Pointwise{.mode = CUDNN_POINTWISE_RELU_FWD, .lowerClip = 0.0, .upperClip = 6.0};
    case UnaryFunction::leakyRelu: return graph::Pointwise{.mode = CUDNN_POINTWISE_RELU_FWD, .lowerSlope = op.alpha};
    case UnaryFunction::elu: return graph::Pointwise{.mode = CUDNN_POINTWISE_ELU_FWD, .alpha = op.alpha};
    case UnaryFunction::gelu: return graph::Pointwise{.mode = CUDNN_POINTWISE_GELU_FWD};
    case UnaryFunction::geluTanh: return graph::Pointwise{.mode = CUDNN_POINTWISE_GELU_APPROX_TANH_FWD};
    case UnaryFunction::silu: return graph::Pointwise{.mode = CUDNN_POINTWISE_SWISH_FWD, .beta = 1.0};
    case UnaryFunction::sigmoid: return graph::Pointwise{.mode = CUDNN_POINTWISE_SIGMOID_FWD};
    case UnaryFunction::tanh: return graph::Pointwise{.mode = CUDNN_POINTWISE_TANH_FWD};
    default: return std::nullopt;
  }
}

// Steps between a convolution and its result: each reads what the last one made, and the last one writes y.
class Steps {
 public:
  Steps(Graph& graph, const TensorDesc& y, int count) : graph_(graph), y_(y), left_(count) {}

  // Where the next operation of the chain writes: memory if it is the last one.
  Tensor next(Tensor memory) { return current_ = left_-- == 0 ? memory : addVirtual(graph_, y_); }
  Tensor current() const { return current_; }

 private:
  Graph& graph_;
  const TensorDesc& y_;
  int left_;  // operations after the next one
  Tensor current_;
};

bool usesTensorCores(const graph::Planned& planned) {
  return planned && planned.plan->engine().has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
}

bool isEmpty(const Epilogue& epilogue) {
  return !epilogue.hasScale && !epilogue.hasBias && !epilogue.hasResidual && !epilogue.activation;
}

graph::Planned planConv(const Conv& op, const TensorDesc& x, const TensorDesc& weight, const TensorDesc& y,
                        const Epilogue& epilogue, const graph::Target& target, Compilation compilation) {
  std::optional<graph::Pointwise> activation;
  if (epilogue.activation) {
    activation = activationOf(*epilogue.activation);
    if (!activation) return {nullptr, "cuDNN has no such activation"};
  }
  return graph::makePlan(target, compilation, [&](Graph& graph) {
    Tensor xTensor = addTensor(graph, x), weightTensor = addTensor(graph, weight);
    Tensor scale, bias, residual;
    if (epilogue.hasScale) scale = addChannels(graph, y, y.dtype);
    if (epilogue.hasBias) bias = addChannels(graph, y, y.dtype);
    if (epilogue.hasResidual) residual = addTensor(graph, y);
    Tensor yTensor = addTensor(graph, y);
    Steps steps(graph, y, epilogue.hasScale + epilogue.hasBias + epilogue.hasResidual + (activation ? 1 : 0));
    auto then = [&](const graph::Pointwise& function, auto... operand) {
      Tensor from = steps.current();
      graph.pointwise(function, from, operand..., steps.next(yTensor));
    };
    graph.convForward(windowOf(op, x.shape.slice(2), weight.shape.slice(2), y.shape.slice(2)), xTensor, weightTensor,
                      steps.next(yTensor));
    if (epilogue.hasScale) then({.mode = CUDNN_POINTWISE_MUL}, scale);
    if (epilogue.hasBias) then({.mode = CUDNN_POINTWISE_ADD}, bias);
    if (epilogue.hasResidual) then({.mode = CUDNN_POINTWISE_ADD}, residual);
    if (activation) then(*activation);
  });
}

}  // namespace

graph::Planned conv(const Conv& op, const TensorDesc& x, const TensorDesc& weight, const TensorDesc& y,
                    const Epilogue& epilogue, const graph::Target& target) {
  const Compilation compilation = graph::compilationFor(target);
  graph::Planned planned = planConv(op, x, weight, y, epilogue, target, compilation);
  if (isEmpty(epilogue) || !planned) return planned;
  // A pass over y costs less than tensor cores bring. Asked of what the heuristic likes best, which is the same each
  // time: the fastest of some that were timed need not be, and what was fused must find its kernel.
  graph::Target untimed;
  untimed.handle = target.handle;
  untimed.options = target.options;
  untimed.options.benchmark = false;
  const graph::Target& asked = target.handle ? untimed : target;  // a described device times nothing
  auto usesThem = [&](const Epilogue& each) {
    return usesTensorCores(planConv(op, x, weight, y, each, asked, compilation));
  };
  if (!usesThem(epilogue) && usesThem({}))
    return {nullptr, "the convolution alone runs on tensor cores, fused it would not"};
  return planned;
}

graph::Planned convBackwardData(const ConvBackwardData& op, const TensorDesc& dy, const TensorDesc& weight,
                                const TensorDesc& dx, const graph::Target& target) {
  return graph::makePlan(target, Compilation::avoided, [&](Graph& graph) {
    Tensor dyTensor = addTensor(graph, dy), weightTensor = addTensor(graph, weight), dxTensor = addTensor(graph, dx);
    graph.convBackwardData(windowOf(op, dx.shape.slice(2), weight.shape.slice(2), dy.shape.slice(2)), dyTensor,
                           weightTensor, dxTensor);
  });
}

graph::Planned convBackwardWeight(const ConvBackwardWeight& op, const TensorDesc& x, const TensorDesc& dy,
                                  const TensorDesc& dw, const graph::Target& target) {
  return graph::makePlan(target, Compilation::avoided, [&](Graph& graph) {
    Tensor xTensor = addTensor(graph, x), dyTensor = addTensor(graph, dy), dwTensor = addTensor(graph, dw);
    graph.convBackwardWeight(windowOf(op, x.shape.slice(2), op.kernelSize, dy.shape.slice(2)), xTensor, dyTensor,
                             dwTensor);
  });
}

}  // namespace cnn::cuda::plans

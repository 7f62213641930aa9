// Convolution and its two gradients: cuDNN's plan, or a direct convolution where it has none.
#include "check.hpp"
#include "kernels/bias.hpp"
#include "kernels/conv.hpp"
#include "planned.hpp"

namespace cnn::cuda {

Prepared prepare(const Conv& op, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), weight = in(signature.inputs[1], channelsLast);
  const TensorDesc y = in(signature.outputs[0], channelsLast);
  const bool hasBias = signature.inputs[2].defined;
  const std::vector<Layout> inputs = {channelsLast, channelsLast, Layout{}}, outputs = {channelsLast};
  if (y.elements() == 0) return nothingToDo(signature, inputs, outputs);
  auto ask = [&](bool withBias) {
    return planFor(engine, x.dtype, [&](const graph::Target& target) { return plans::conv(op, x, weight, y, {.hasBias = withBias}, target); });
  };
  if (hasBias) {
    if (auto planned = ask(true)) {
      return ready(signature, [&engine, plan = planned.plan](const Run& run) {
        void* pointers[] = {run.inputs[0], run.inputs[1], run.inputs[2], run.outputs[0]};
        plan->run(engine.cudnn, pointers, run.workspace);
      }, planned.plan->workspaceBytes(), inputs, outputs);
    }
  }
  if (auto planned = ask(false)) {
    return ready(signature, [&engine, plan = planned.plan, hasBias, dtype = y.dtype, view = channelView(y)](const Run& run) {
      void* pointers[] = {run.inputs[0], run.inputs[1], run.outputs[0]};
      plan->run(engine.cudnn, pointers, run.workspace);
      if (hasBias) launchBias(engine.stream, dtype, view, run.outputs[0], run.inputs[2], run.outputs[0]);
    }, planned.plan->workspaceBytes(), inputs, outputs);
  }
  return ready(signature, [&engine, dtype = x.dtype, shape = convShape(op, x, weight, y)](const Run& run) {
    launchConv(engine.stream, dtype, shape, run.inputs[0], run.inputs[1], run.inputs[2], run.outputs[0]);
  }, 0, inputs, outputs);
}

Prepared prepare(const ConvBackwardData& op, const Signature& signature, Engine& engine) {
  const TensorDesc dy = in(signature.inputs[0], channelsLast), weight = in(signature.inputs[1], channelsLast);
  const TensorDesc dx = in(signature.outputs[0], channelsLast);
  const bool hasBias = signature.inputs[2].defined;
  const std::vector<Layout> inputs = {channelsLast, channelsLast, Layout{}}, outputs = {channelsLast};
  if (dx.elements() == 0) return nothingToDo(signature, inputs, outputs);
  auto planned = planFor(engine, dy.dtype, [&](const graph::Target& target) { return plans::convBackwardData(op, dy, weight, dx, target); });
  if (planned) {
    return ready(signature, [&engine, plan = planned.plan, hasBias, dtype = dx.dtype, view = channelView(dx)](const Run& run) {
      void* pointers[] = {run.inputs[0], run.inputs[1], run.outputs[0]};
      plan->run(engine.cudnn, pointers, run.workspace);
      if (hasBias) launchBias(engine.stream, dtype, view, run.outputs[0], run.inputs[2], run.outputs[0]);
    }, planned.plan->workspaceBytes(), inputs, outputs);
  }
  return ready(signature, [&engine, dtype = dy.dtype, shape = convShape(op, dx, weight, dy)](const Run& run) {
    launchConvBackwardData(engine.stream, dtype, shape, run.inputs[0], run.inputs[1], run.inputs[2], run.outputs[0]);
  }, 0, inputs, outputs);
}

Prepared prepare(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), dy = in(signature.inputs[1], channelsLast);
  const TensorDesc dw = in(signature.outputs[0], channelsLast);
  const std::vector<Layout> inputs = {channelsLast, channelsLast};
  std::vector<Layout> outputs = {channelsLast};
  if (op.bias) outputs.push_back(Layout{});
  if (dy.elements() == 0) {  // a sum over nothing
    return ready(signature, [&engine, hasBias = op.bias, dw = dw.plainBytes(), db = signature.outputs.back().plainBytes()](const Run& run) {
      CHECK(cudaMemsetAsync(run.outputs[0], 0, dw, engine.stream));
      if (hasBias) CHECK(cudaMemsetAsync(run.outputs[1], 0, db, engine.stream));
    }, 0, inputs, outputs);
  }
  // The weight's gradient and then the bias's, one after the other in the same workspace.
  const ChannelView view = channelView(dy);
  const std::size_t biasWorkspace = op.bias ? biasGradientWorkspace(dy.dtype, view) : 0;
  auto biasGradient = [&engine, hasBias = op.bias, dtype = dy.dtype, view](const Run& run) {
    if (hasBias) launchBiasGradient(engine.stream, dtype, view, run.inputs[1], run.outputs[1], run.workspace);
  };
  auto planned = planFor(engine, x.dtype, [&](const graph::Target& target) { return plans::convBackwardWeight(op, x, dy, dw, target); });
  if (planned) {
    return ready(signature, [&engine, plan = planned.plan, biasGradient](const Run& run) {
      void* pointers[] = {run.inputs[0], run.inputs[1], run.outputs[0]};
      plan->run(engine.cudnn, pointers, run.workspace);
      biasGradient(run);
    }, std::max(planned.plan->workspaceBytes(), biasWorkspace), inputs, outputs);
  }
  return ready(signature, [&engine, dtype = x.dtype, shape = convShape(op, x, dw, dy), biasGradient](const Run& run) {
    launchConvBackwardWeight(engine.stream, dtype, shape, run.inputs[0], run.inputs[1], run.outputs[0]);
    biasGradient(run);
  }, biasWorkspace, inputs, outputs);
}

}  // namespace cnn::cuda

// Maximum and average pooling: own kernels, and with autotune cuDNN's plans. cuDNN compiles a kernel for each shape, a
// second or more at every start of the program, for an op that is bound by memory either way.
#include "kernels/pool.hpp"

#include "planned.hpp"

namespace cnn::cuda {

namespace {

template <class Pool>
MeanOf meanOf(const Pool& op) {
  return {op.countIncludePad, op.divisor};
}

}  // namespace

// The state is cuDNN's index of each maximum within its window, a byte each, or our position within the plane, an
// int32.
Prepared prepare(const MaxPool& op, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), y = in(signature.outputs[0], channelsLast);
  const std::vector<Layout> inputs = {channelsLast}, outputs = {channelsLast, channelsLast};
  auto withState = [&](Prepared prepared, DType state) {
    auto kernel = std::const_pointer_cast<Kernel>(prepared.kernel);
    kernel->outputs[1] = TensorDesc(state, y.shape, channelsLast);
    return prepared;
  };
  if (y.elements() == 0) return withState(nothingToDo(signature, inputs, outputs), DType::int32);
  auto planned =
      planFor(engine, x.dtype, [&](const graph::Target& target) { return plans::maxPool(op, x, y, target); });
  if (planned) {  // only cuDNN reads its own state, so it must have the gradient too
    MaxPoolBackward backward{.kernelSize = op.kernelSize,
                             .stride = op.stride,
                             .padding = op.padding,
                             .dilation = op.dilation,
                             .ceilMode = op.ceilMode,
                             .returnIndices = op.returnIndices,
                             .inputSize = x.shape.slice(2)};
    if (planFor(engine, x.dtype,
                [&](const graph::Target& target) { return plans::maxPoolBackward(backward, y, x, target); })) {
      return withState(ready(
                           signature,
                           [&engine, plan = planned.plan](const Run& run) {
                             void* pointers[] = {run.inputs[0], run.outputs[0], run.outputs[1]};
                             plan->run(engine.cudnn, pointers, run.workspace);
                           },
                           planned.plan->workspaceBytes(), inputs, outputs),
                       DType::uint8);
    }
  }
  return withState(ready(
                       signature,
                       [&engine, dtype = x.dtype, shape = poolShape(op, x, y)](const Run& run) {
                         launchMaxPool(engine.stream, dtype, shape, run.inputs[0], run.outputs[0],
                                       run.out<std::int32_t>(1));
                       },
                       0, inputs, outputs),
                   DType::int32);
}

Prepared prepare(const MaxPoolBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc dy = in(signature.inputs[0], channelsLast), dx = in(signature.outputs[0], channelsLast);
  const std::vector<Layout> inputs = {channelsLast, channelsLast}, outputs = {channelsLast};
  if (dx.elements() == 0) return nothingToDo(signature, inputs, outputs);
  if (signature.inputs[1].dtype == DType::uint8) {
    auto planned = planFor(engine, dy.dtype,
                           [&](const graph::Target& target) { return plans::maxPoolBackward(op, dy, dx, target); });
    if (!planned) return {nullptr, planned.declined};
    return ready(
        signature,
        [&engine, plan = planned.plan](const Run& run) {
          void* pointers[] = {run.inputs[0], run.inputs[1], run.outputs[0]};
          plan->run(engine.cudnn, pointers, run.workspace);
        },
        planned.plan->workspaceBytes(), inputs, outputs);
  }
  return ready(
      signature,
      [&engine, dtype = dy.dtype, shape = poolShape(op, dx, dy)](const Run& run) {
        launchMaxPoolBackward(engine.stream, dtype, shape, run.inputs[0], run.in<std::int32_t>(1), run.outputs[0]);
      },
      0, inputs, outputs);
}

Prepared prepare(const AvgPool& op, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), y = in(signature.outputs[0], channelsLast);
  const std::vector<Layout> layouts = {channelsLast};
  if (y.elements() == 0) return nothingToDo(signature, layouts, layouts);
  auto planned =
      planFor(engine, x.dtype, [&](const graph::Target& target) { return plans::avgPool(op, x, y, target); });
  if (planned) {
    return ready(
        signature,
        [&engine, plan = planned.plan](const Run& run) {
          void* pointers[] = {run.inputs[0], run.outputs[0]};
          plan->run(engine.cudnn, pointers, run.workspace);
        },
        planned.plan->workspaceBytes(), layouts, layouts);
  }
  return ready(
      signature,
      [&engine, dtype = x.dtype, shape = poolShape(op, x, y), mean = meanOf(op)](const Run& run) {
        launchAvgPool(engine.stream, dtype, shape, mean, run.inputs[0], run.outputs[0]);
      },
      0, layouts, layouts);
}

Prepared prepare(const AvgPoolBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc dy = in(signature.inputs[0], channelsLast), dx = in(signature.outputs[0], channelsLast);
  const std::vector<Layout> layouts = {channelsLast};
  if (dx.elements() == 0) return nothingToDo(signature, layouts, layouts);
  auto planned = planFor(engine, dy.dtype,
                         [&](const graph::Target& target) { return plans::avgPoolBackward(op, dy, dx, target); });
  if (planned) {
    return ready(
        signature,
        [&engine, plan = planned.plan](const Run& run) {
          void* pointers[] = {run.inputs[0], run.outputs[0]};
          plan->run(engine.cudnn, pointers, run.workspace);
        },
        planned.plan->workspaceBytes(), layouts, layouts);
  }
  return ready(
      signature,
      [&engine, dtype = dy.dtype, shape = poolShape(op, dx, dy), mean = meanOf(op)](const Run& run) {
        launchAvgPoolBackward(engine.stream, dtype, shape, mean, run.inputs[0], run.outputs[0]);
      },
      0, layouts, layouts);
}

}  // namespace cnn::cuda

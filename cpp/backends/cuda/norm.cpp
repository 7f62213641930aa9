// Batch normalisation: cuDNN's plan in training, own kernels in evaluation and where cuDNN has none.
#include "kernels/norm.hpp"

#include "planned.hpp"

namespace cnn::cuda {

namespace {

/// [N, C] has no spatial dimensions, so both layouts are one.
Layout normLayout(const TensorDesc& x) { return hasChannelsLast(x.shape) ? channelsLast : Layout{}; }

// Whether cuDNN's running variance takes n/(n−1) of the batch's, as PyTorch's and ours. Its documentation does not say;
// first-light/smoke/batch-norm.mjs asks a GPU. If it were not so, false would be right here: norms that track
// statistics then run by our own kernels.
constexpr bool isRunningVarianceUnbiased = true;

// cuDNN wants a scale and a bias, and statistics of float32.
bool suitsCudnn(const TensorDesc& x, const TensorDesc& weight, const TensorDesc& statistics) {
  return x.rank() <= 5 && weight.defined && weight.dtype == DType::float32 && statistics.dtype == DType::float32;
}

}  // namespace

Prepared prepare(const BatchNorm& op, const Signature& signature, Engine& engine) {
  const Layout layout = normLayout(signature.inputs[0]), plain;
  const TensorDesc x = in(signature.inputs[0], layout), &weight = signature.inputs[1];
  const bool isTracking = signature.inputs[3].defined;
  const std::vector<Layout> inputs = {layout, plain, plain, plain, plain}, outputs = {layout, plain, plain};
  const ChannelView view = channelView(x);
  if (!op.training) {
    return ready(
        signature,
        [&engine, dtype = x.dtype, view, eps = op.eps](const Run& run) {
          launchBatchNormInference(engine.stream, dtype, view, run.inputs[0], run.inputs[1], run.inputs[2],
                                   run.inputs[3], run.inputs[4], eps, run.outputs[0], run.outputs[1], run.outputs[2]);
        },
        0, inputs, outputs);
  }
  if (x.elements() > 0 && suitsCudnn(x, weight, signature.outputs[1]) && (isRunningVarianceUnbiased || !isTracking)) {
    auto planned =
        planFor(engine, x.dtype, [&](const graph::Target& target) { return plans::batchNorm(x, isTracking, target); });
    if (planned) {
      return ready(
          signature,
          [&engine, plan = planned.plan, isTracking, eps = static_cast<float>(op.eps)](const Run& run) {
            auto share = static_cast<float>(std::get<BatchNorm>(run.op).momentum);
            std::vector<void*> pointers = {run.inputs[0], run.inputs[1], run.inputs[2], const_cast<float*>(&eps)};
            if (isTracking) {  // the new running statistics take the old ones' place
              void *mean = run.inputs[3], *variance = run.inputs[4];
              pointers.insert(pointers.end(), {mean, variance, mean, variance, &share});
            }
            pointers.insert(pointers.end(), {run.outputs[1], run.outputs[2], run.outputs[0]});
            plan->run(engine.cudnn, pointers, run.workspace);
          },
          planned.plan->workspaceBytes(), inputs, outputs);
    }
  }
  return ready(
      signature,
      [&engine, dtype = x.dtype, view, eps = op.eps](const Run& run) {
        double momentum = std::get<BatchNorm>(run.op).momentum;
        launchBatchNormTraining(engine.stream, dtype, view, run.inputs[0], run.inputs[1], run.inputs[2], run.inputs[3],
                                run.inputs[4], momentum, eps, run.outputs[0], run.outputs[1], run.outputs[2],
                                run.workspace);
      },
      batchNormWorkspace(x.dtype, view), inputs, outputs);
}

Prepared prepare(const BatchNormBackward& op, const Signature& signature, Engine& engine) {
  const Layout layout = normLayout(signature.inputs[1]), plain;
  const TensorDesc x = in(signature.inputs[1], layout), &weight = signature.inputs[2];
  const std::vector<Layout> inputs = {layout, layout, plain, plain, plain}, outputs = {layout, plain, plain};
  const ChannelView view = channelView(x);
  if (op.training && x.elements() > 0 && suitsCudnn(x, weight, signature.inputs[3])) {
    auto planned =
        planFor(engine, x.dtype, [&](const graph::Target& target) { return plans::batchNormBackward(x, target); });
    if (planned) {
      return ready(
          signature,
          [&engine, plan = planned.plan](const Run& run) {
            void* pointers[] = {run.inputs[0], run.inputs[1],  run.inputs[2],  run.inputs[3],
                                run.inputs[4], run.outputs[0], run.outputs[1], run.outputs[2]};
            plan->run(engine.cudnn, pointers, run.workspace);
          },
          planned.plan->workspaceBytes(), inputs, outputs);
    }
  }
  return ready(
      signature,
      [&engine, dtype = x.dtype, view, training = op.training](const Run& run) {
        launchBatchNormBackward(engine.stream, dtype, view, training, run.inputs[0], run.inputs[1], run.inputs[2],
                                run.inputs[3], run.inputs[4], run.outputs[0], run.outputs[1], run.outputs[2],
                                run.workspace);
      },
      batchNormWorkspace(x.dtype, view), inputs, outputs);
}

}  // namespace cnn::cuda

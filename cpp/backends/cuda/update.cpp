// Ops that overwrite their inputs: optimizer steps, gradient clipping, copying. Each tensor is updated in the layout it
// has.
#include "kernels/update.hpp"

#include <cmath>

#include "check.hpp"
#include "prepare.hpp"

namespace cnn::cuda {

namespace {

/// The inputs of an op over many tensors: lists of `count` tensors one after the other.
TensorLists listsOf(const Signature& signature, Index count) {
  TensorLists lists;
  lists.dtype = signature.inputs[0].dtype;
  for (const TensorDesc& desc : signature.inputs.first(static_cast<std::size_t>(count)))
    lists.sizes.push_back(desc.elements());
  lists.lists = signature.inputs.size() / static_cast<std::size_t>(count);
  return lists;
}

/// Those of an optimizer step: it waits for the host to hear of a fault, on whose remains its gradients may depend.
TensorLists stepLists(const Signature& signature, Index count, const Engine& engine) {
  TensorLists lists = listsOf(signature, count);
  lists.fault = engine.fault;
  return lists;
}

/// Each list in the layouts of the first, the parameters.
std::vector<Layout> layoutsOfFirst(const Signature& signature, Index count) {
  std::vector<Layout> layouts;
  for (std::size_t i = 0; i < signature.inputs.size(); i++)
    layouts.push_back(signature.inputs[i % static_cast<std::size_t>(count)].layout);
  return layouts;
}

}  // namespace

Prepared prepare(const Sgd& op, const Signature& signature, Engine& engine) {
  return ready(
      signature,
      [&engine, lists = stepLists(signature, op.count, engine)](const Run& run) {
        const Sgd& sgd = std::get<Sgd>(run.op);
        launchSgd(engine.stream, lists,
                  {sgd.learningRate, sgd.momentum, sgd.dampening, sgd.weightDecay, sgd.nesterov, sgd.step == 1},
                  run.inputs);
      },
      0, layoutsOfFirst(signature, op.count));
}

Prepared prepare(const Adam& op, const Signature& signature, Engine& engine) {
  return ready(
      signature,
      [&engine, lists = stepLists(signature, op.count, engine)](const Run& run) {
        const Adam& adam = std::get<Adam>(run.op);
        double step = static_cast<double>(adam.step);
        AdamStep values = {adam.learningRate,
                           adam.beta1,
                           adam.beta2,
                           adam.eps,
                           adam.weightDecay,
                           1 - std::pow(adam.beta1, step),
                           std::sqrt(1 - std::pow(adam.beta2, step)),
                           adam.decoupled};
        launchAdam(engine.stream, lists, values, run.inputs);
      },
      0, layoutsOfFirst(signature, op.count));
}

Prepared prepare(const RmsProp& op, const Signature& signature, Engine& engine) {
  return ready(
      signature,
      [&engine, lists = stepLists(signature, op.count, engine)](const Run& run) {
        const RmsProp& rms = std::get<RmsProp>(run.op);
        launchRmsProp(engine.stream, lists,
                      {rms.learningRate, rms.alpha, rms.eps, rms.weightDecay, rms.momentum, rms.centered}, run.inputs);
      },
      0, layoutsOfFirst(signature, op.count));
}

Prepared prepare(const ClipGradNorm&, const Signature& signature, Engine& engine) {
  TensorLists lists = listsOf(signature, static_cast<Index>(signature.inputs.size()));
  return ready(
      signature,
      [&engine, lists](const Run& run) {
        const ClipGradNorm& clip = std::get<ClipGradNorm>(run.op);
        if (!(clip.normType > 0)) {
          fail(ErrorKind::value, "clipGradNorm: normType is ", clip.normType,
               ", expected a positive number or Infinity");
        }
        launchClipGradNorm(engine.stream, lists, clip.maxNorm, clip.normType, run.inputs, run.out<void>(0),
                           run.workspace);
      },
      clipGradNormWorkspace(lists), layoutsOf(signature));
}

Prepared prepare(const ClipGradValue&, const Signature& signature, Engine& engine) {
  TensorLists lists = listsOf(signature, static_cast<Index>(signature.inputs.size()));
  return ready(
      signature,
      [&engine, lists](const Run& run) {
        launchClipGradValue(engine.stream, lists, std::get<ClipGradValue>(run.op).clipValue, run.inputs);
      },
      0, layoutsOf(signature));
}

Prepared prepare(const Copy&, const Signature& signature, Engine& engine) {
  Layout layout = signature.inputs[0].layout;  // the target's: only the source may have to be converted
  return ready(
      signature,
      [&engine, bytes = signature.inputs[0].plainBytes()](const Run& run) {
        if (bytes > 0)
          CHECK(cudaMemcpyAsync(run.inOut<void>(0), run.in<void>(1), bytes, cudaMemcpyDeviceToDevice, engine.stream));
      },
      0, {layout, layout});
}

}  // namespace cnn::cuda

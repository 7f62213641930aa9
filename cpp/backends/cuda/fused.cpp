// Fused convolutions: there is no second choice, since the ops by themselves are one.
#include "fused.hpp"

#include "planned.hpp"

namespace cnn::cuda {

Prepared prepareFused(const Conv& op, const plans::Epilogue& epilogue, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), weight = in(signature.inputs[1], channelsLast);
  const TensorDesc y = in(signature.outputs[0], channelsLast);
  if (y.elements() == 0) return {nullptr, "there is nothing to compute"};
  auto planned = planFor(engine, x.dtype, [&](const graph::Target& target) { return plans::conv(op, x, weight, y, epilogue, target); });
  if (!planned) return {nullptr, planned.declined};
  std::vector<Layout> inputs = {channelsLast, channelsLast};
  if (epilogue.hasScale) inputs.push_back(Layout{});
  if (epilogue.hasBias) inputs.push_back(Layout{});
  if (epilogue.hasResidual) inputs.push_back(channelsLast);
  return ready(signature, [&engine, plan = planned.plan](const Run& run) {
    std::vector<void*> pointers(run.inputs.begin(), run.inputs.end());
    pointers.push_back(run.outputs[0]);
    plan->run(engine.cudnn, pointers, run.workspace);
  }, planned.plan->workspaceBytes(), inputs, {channelsLast});
}

}  // namespace cnn::cuda

// Fused convolutions of compiled functions: cuDNN's plan and no second choice, since the ops by themselves are one.
// Most but bias and ReLU are compiled by cuDNN at run time.
#include <algorithm>
#include <iterator>

#include "planned.hpp"

namespace cnn::cuda {

Prepared prepare(const ConvActivation& op, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), weight = in(signature.inputs[1], channelsLast);
  const TensorDesc y = in(signature.outputs[0], channelsLast);
  if (y.elements() == 0) return {nullptr, "there is nothing to compute"};
  if (const TensorDesc& bias = signature.inputs[2]; bias.defined && bias.dtype != y.dtype) {
    return {nullptr,
            "cuDNN adds a float32 bias to sums that become halves only by engines that it compiles at run time"};
  }
  plans::Epilogue epilogue{.hasBias = signature.inputs[2].defined, .hasResidual = signature.inputs[3].defined};
  if (op.activation != Activation::identity) {
    epilogue.activation =
        Unary{.function = op.activation == Activation::relu ? UnaryFunction::relu : UnaryFunction::relu6};
  }
  auto planned = planFor(engine, x.dtype, [&](const graph::Target& target) {
    return plans::conv(op.conv(), x, weight, y, epilogue, target);
  });
  if (!planned) return {nullptr, planned.declined};
  return ready(signature,
               [&engine, plan = planned.plan](const Run& run) {
                 std::vector<void*> pointers;
                 std::copy_if(run.inputs.begin(), run.inputs.end(), std::back_inserter(pointers),
                              [](void* input) { return input != nullptr; });
                 pointers.push_back(run.outputs[0]);
                 plan->run(engine.cudnn, pointers, run.workspace);
               },
               planned.plan->workspaceBytes(), {channelsLast, channelsLast, Layout{}, channelsLast}, {channelsLast});
}

}  // namespace cnn::cuda

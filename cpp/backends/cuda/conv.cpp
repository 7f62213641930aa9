// Convolution and its two gradients: cuDNN's plan, of parts of the batch where it has none of the whole, or a direct
// convolution where it has none.
#include "check.hpp"
#include "conv_parts.hpp"
#include "kernels/bias.hpp"
#include "kernels/conv.hpp"
#include "kernels/elementwise.hpp"

namespace cnn::cuda {

namespace {

// Of the convolution that made y, and of both gradients.
Index multiplyAdds(const TensorDesc& weight, const TensorDesc& y) {
  return y.elements() == 0 ? 0 : y.elements() * (weight.elements() / weight.shape[0]);
}

// In words, where the direct kernels would be the only way and take minutes; empty where they may run.
std::string refusal(const std::string& declined, const TensorDesc& x, const TensorDesc& y) {
  const Index elements = std::max(x.elements(), y.elements());
  if (elements <= mostElements || x.dtype == DType::float64) return "";
  return text("cuDNN has no plan for it, nor for a part of the batch (", declined, "), and with ", elements,
              " elements it is too large for the direct kernels; take a smaller batch or image");
}

void runPart(Engine& engine, const graph::Plan& plan, std::initializer_list<void*> pointers, void* workspace) {
  plan.run(engine.cudnn, std::span(pointers.begin(), pointers.size()), workspace);
}

}  // namespace

Prepared prepare(const Conv& op, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), weight = in(signature.inputs[1], channelsLast);
  const TensorDesc y = in(signature.outputs[0], channelsLast);
  const bool hasBias = signature.inputs[2].defined;
  const std::vector<Layout> inputs = {channelsLast, channelsLast, Layout{}}, outputs = {channelsLast};
  if (y.elements() == 0) return nothingToDo(signature, inputs, outputs);
  auto ask = [&](Index samples, bool withBias) {
    return planFor(engine, x.dtype, [&](const graph::Target& target) {
      return plans::conv(op, withSamples(x, samples), weight, withSamples(y, samples), {.hasBias = withBias}, target);
    });
  };
  if (hasBias) {
    if (auto planned = ask(x.shape[0], true)) {
      return ready(
          signature,
          [&engine, plan = planned.plan](const Run& run) {
            runPart(engine, *plan, {run.inputs[0], run.inputs[1], run.inputs[2], run.outputs[0]}, run.workspace);
          },
          planned.plan->workspaceBytes(), inputs, outputs);
    }
  }
  auto parts = planParts(x.shape[0], multiplyAdds(weight, y), [&](Index samples) { return ask(samples, false); });
  if (parts) {
    return ready(
        signature,
        [&engine, parts, hasBias, x, y, view = channelView(y)](const Run& run) {
          parts.each([&](const graph::Plan& plan, Index at) {
            runPart(engine, plan, {sampleAt(run.inputs[0], x, at), run.inputs[1], sampleAt(run.outputs[0], y, at)},
                    run.workspace);
          });
          if (hasBias) launchBias(engine.stream, y.dtype, view, run.outputs[0], run.inputs[2], run.outputs[0]);
        },
        parts.workspaceBytes(), inputs, outputs);
  }
  if (auto why = refusal(parts.declined, x, y); !why.empty()) return {nullptr, why};
  return ready(
      signature,
      [&engine, dtype = x.dtype, shape = convShape(op, x, weight, y)](const Run& run) {
        launchConv(engine.stream, dtype, shape, run.inputs[0], run.inputs[1], run.inputs[2], run.outputs[0]);
      },
      0, inputs, outputs);
}

Prepared prepare(const ConvBackwardData& op, const Signature& signature, Engine& engine) {
  const TensorDesc dy = in(signature.inputs[0], channelsLast), weight = in(signature.inputs[1], channelsLast);
  const TensorDesc dx = in(signature.outputs[0], channelsLast);
  const bool hasBias = signature.inputs[2].defined;
  const std::vector<Layout> inputs = {channelsLast, channelsLast, Layout{}}, outputs = {channelsLast};
  if (dx.elements() == 0) return nothingToDo(signature, inputs, outputs);
  auto parts = planParts(dx.shape[0], multiplyAdds(weight, dy), [&](Index samples) {
    return planFor(engine, dy.dtype, [&](const graph::Target& target) {
      return plans::convBackwardData(op, withSamples(dy, samples), weight, withSamples(dx, samples), target);
    });
  });
  if (parts) {
    return ready(
        signature,
        [&engine, parts, hasBias, dy, dx, view = channelView(dx)](const Run& run) {
          parts.each([&](const graph::Plan& plan, Index at) {
            runPart(engine, plan, {sampleAt(run.inputs[0], dy, at), run.inputs[1], sampleAt(run.outputs[0], dx, at)},
                    run.workspace);
          });
          if (hasBias) launchBias(engine.stream, dx.dtype, view, run.outputs[0], run.inputs[2], run.outputs[0]);
        },
        parts.workspaceBytes(), inputs, outputs);
  }
  if (auto why = refusal(parts.declined, dx, dy); !why.empty()) return {nullptr, why};
  return ready(
      signature,
      [&engine, dtype = dy.dtype, shape = convShape(op, dx, weight, dy)](const Run& run) {
        launchConvBackwardData(engine.stream, dtype, shape, run.inputs[0], run.inputs[1], run.inputs[2],
                               run.outputs[0]);
      },
      0, inputs, outputs);
}

Prepared prepare(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  const TensorDesc x = in(signature.inputs[0], channelsLast), dy = in(signature.inputs[1], channelsLast);
  const TensorDesc dw = in(signature.outputs[0], channelsLast);
  const std::vector<Layout> inputs = {channelsLast, channelsLast};
  std::vector<Layout> outputs = {channelsLast};
  if (op.bias) outputs.push_back(Layout{});
  if (dy.elements() == 0) {  // a sum over nothing
    return ready(
        signature,
        [&engine, hasBias = op.bias, dw = dw.plainBytes(), db = signature.outputs.back().plainBytes()](const Run& run) {
          CHECK(cudaMemsetAsync(run.outputs[0], 0, dw, engine.stream));
          if (hasBias) CHECK(cudaMemsetAsync(run.outputs[1], 0, db, engine.stream));
        },
        0, inputs, outputs);
  }
  // The weight's gradient and then the bias's, one after the other in the same workspace.
  const ChannelView view = channelView(dy);
  const std::size_t biasWorkspace = op.bias ? biasGradientWorkspace(dy.dtype, view) : 0;
  auto biasGradient = [&engine, hasBias = op.bias, dtype = dy.dtype, view](const Run& run) {
    if (hasBias) launchBiasGradient(engine.stream, dtype, view, run.inputs[1], run.outputs[1], run.workspace);
  };
  auto parts = planParts(x.shape[0], multiplyAdds(dw, dy), [&](Index samples) {
    return planFor(engine, x.dtype, [&](const graph::Target& target) {
      return plans::convBackwardWeight(op, withSamples(x, samples), withSamples(dy, samples), dw, target);
    });
  });
  if (parts) {
    // Parts after the first are made behind the workspace, and added.
    const std::size_t sumAt = (std::max(parts.workspaceBytes(), biasWorkspace) + 255) / 256 * 256;
    const Walk<3> walk = broadcastWalk<3>(dw, {dw, dw});
    return ready(
        signature,
        [&engine, parts, biasGradient, x, dy, dtype = dw.dtype, sumAt, walk](const Run& run) {
          parts.each([&](const graph::Plan& plan, Index at) {
            void* target = at == 0 ? run.outputs[0] : static_cast<std::byte*>(run.workspace) + sumAt;
            runPart(engine, plan, {sampleAt(run.inputs[0], x, at), sampleAt(run.inputs[1], dy, at), target},
                    run.workspace);
            if (at > 0)
              launchBinary(engine.stream, dtype, BinaryFunction::add, walk, run.outputs[0], target, run.outputs[0]);
          });
          biasGradient(run);
        },
        parts.isWhole() ? std::max(parts.workspaceBytes(), biasWorkspace) : sumAt + dw.plainBytes(), inputs, outputs);
  }
  if (auto why = refusal(parts.declined, x, dy); !why.empty()) return {nullptr, why};
  return ready(
      signature,
      [&engine, dtype = x.dtype, shape = convShape(op, x, dw, dy), biasGradient](const Run& run) {
        launchConvBackwardWeight(engine.stream, dtype, shape, run.inputs[0], run.inputs[1], run.outputs[0]);
        biasGradient(run);
      },
      biasWorkspace, inputs, outputs);
}

}  // namespace cnn::cuda

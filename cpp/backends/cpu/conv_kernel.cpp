// What lies around a candidate: the residual before it, the bias of a transposed convolution behind it, and the
// layouts.
#include "conv_kernel.hpp"

#include "channels.hpp"
#include "padding.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

bool isConvolved(const Signature& signature) {
  const DType dtype = signature.inputs[0].dtype;
  if (dtype != DType::float32 && dtype != DType::bfloat16) return false;
  for (std::size_t i = 0; i < signature.inputs.size(); i++) {
    const TensorDesc& desc = signature.inputs[i];
    bool isBias = i == 2 && desc.dtype == accumulationType(dtype);
    if (desc.defined && ((desc.dtype != dtype && !isBias) || desc.elements() == 0)) return false;
  }
  return signature.outputs[0].elements() > 0 && signature.inputs[0].rank() <= 5;
}

std::optional<Choice> fastestOf(Engine& engine, Direction direction, const Geometry& g, int threads,
                                const Signature& signature, const std::optional<Candidate>& first,
                                std::vector<Candidate> others) {
  if (!first) return std::nullopt;
  others.insert(others.begin(), *first);
  return fastest(engine, direction, g, others, threads, signature.setting.weightsExceedCache && signature.isStable(1));
}

KernelPtr forwardKernel(const Signature& signature, const Engine& engine, const Choice& choice, Layout x, Layout y,
                        std::size_t size) {
  const bool hasResidual = signature.inputs.size() > 3 && signature.inputs[3].defined;
  const Padding padding(engine, TensorDesc(signature.outputs[0].dtype, signature.outputs[0].shape, y));
  auto run = [compute = choice.best.run, hasResidual, padding, bytes = static_cast<Index>(size)](const Run& run) {
    // The sums are added to what lies in y: the residual, already there where the plan put both in one place.
    if (hasResidual && run.out<char>(0) != run.in<char>(3)) {
      parallelFor(bytes, 4 * grainElements, [&](Index from, Index to) {
        std::copy(run.in<char>(3) + from, run.in<char>(3) + to, run.out<char>(0) + from);
      });
    }
    const void* pointers[] = {run.in<void>(0), run.in<void>(1), run.out<void>(0), run.in<void>(2)};
    padding.keep(run.out<void>(0), [&] { compute(pointers, run.workspace); });
  };
  auto kernel = makeKernel(signature, std::move(run), choice.best.workspaceBytes);
  kernel->outputs[0].layout = y;
  kernel->tune = choice.tune;
  kernel->inputLayouts = {x, choice.best.weight, Layout{}};
  if (signature.inputs.size() > 3) {
    kernel->inputLayouts.push_back(hasResidual ? y : Layout{});
    kernel->inPlace = {3};
  }
  return kernel;
}

KernelPtr backwardDataKernel(const Signature& signature, const Engine& engine, const Choice& choice, Layout dy,
                             Layout dx) {
  const TensorDesc& result = signature.outputs[0];
  const bool hasBias = signature.inputs[2].defined;
  const TensorDesc written(result.dtype, result.shape, dx);
  auto run = [compute = choice.best.run, hasBias, padding = Padding(engine, written), view = engine.view(written),
              isHalf = result.dtype == DType::bfloat16](const Run& run) {
    const void* pointers[] = {run.in<void>(0), run.in<void>(1), run.out<void>(0)};
    padding.keep(run.out<void>(0), [&] { compute(pointers, run.workspace); });
    if (!hasBias) return;
    if (isHalf) {
      addBias(*view, run.in<BFloat16>(2), run.out<BFloat16>(0));
    } else {
      addBias(*view, run.in<float>(2), run.out<float>(0));
    }
  };
  auto kernel = makeKernel(signature, std::move(run), choice.best.workspaceBytes);
  kernel->tune = choice.tune;
  kernel->inputLayouts = {dy, choice.best.weight, Layout{}};
  kernel->outputs[0].layout = dx;
  return kernel;
}

KernelPtr backwardWeightKernel(const Signature& signature, const Choice& choice, Layout x, Layout dy) {
  const bool hasBias = signature.outputs.size() > 1;
  auto run = [compute = choice.best.run, hasBias](const Run& run) {
    const void* pointers[] = {run.in<void>(0), run.in<void>(1), run.out<void>(0), hasBias ? run.out<void>(1) : nullptr};
    compute(pointers, run.workspace);
  };
  auto kernel = makeKernel(signature, std::move(run), choice.best.workspaceBytes);
  kernel->tune = choice.tune;
  kernel->inputLayouts = {x, dy};
  kernel->outputs[0].layout = choice.best.weight;
  return kernel;
}

}  // namespace cnn::cpu

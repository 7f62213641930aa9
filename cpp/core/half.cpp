// Making a kernel for half types out of the float32 one.
#include "half.hpp"

#include <algorithm>
#include <array>

#include "ops/names.hpp"

namespace cnn {

namespace {

/// More tensors has no op that computes with halves: optimizers, with their lists, take none.
constexpr std::size_t maxTensors = 16;

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

TensorDesc widened(TensorDesc desc) {
  if (desc.defined) desc.dtype = accumulationType(desc.dtype);
  return desc;
}

/// A half tensor that the inner kernel reads or writes as float32, at `offset` in the workspace.
struct Stage {
  std::size_t tensor, offset;
  KernelPtr widen, round;  // null where it is not read, or not written
};

using Pointers = std::array<void*, maxTensors>;

class WideKernel final : public Kernel {
 public:
  WideKernel(Backend& backend, KernelPtr inner, std::span<const TensorDesc> given, const Descs& results,
             const std::vector<bool>& isOverwritten)
      : inner_(std::move(inner)) {
    inputLayouts = inner_->inputLayouts;
    outputs = inner_->outputs;
    inPlace = inner_->inPlace;
    std::size_t offset = 0;
    for (std::size_t i = 0; i < given.size(); i++) {
      if (!given[i].defined || !isHalf(given[i].dtype)) continue;
      TensorDesc read = given[i];
      read.layout = inputLayouts.empty() ? Layout{} : inputLayouts[i];
      inputs_.push_back(stage(backend, i, offset, read, true, isOverwritten[i]));
    }
    for (std::size_t i = 0; i < results.size(); i++) {
      if (!isHalf(results[i].dtype)) continue;
      outputs[i].dtype = results[i].dtype;
      outputs_.push_back(stage(backend, i, offset, outputs[i], false, true));
    }
    innerAt_ = offset;
    workspaceBytes = innerAt_ + inner_->workspaceBytes;
  }

  bool isWhole() const {
    auto hasKernels = [](const Stage& stage) { return stage.widen || stage.round; };
    return std::all_of(inputs_.begin(), inputs_.end(), hasKernels) &&
           std::all_of(outputs_.begin(), outputs_.end(), hasKernels);
  }

  void run(const Run& run) const override {
    auto* base = static_cast<std::byte*>(run.workspace);
    Pointers in{}, out{};
    std::copy(run.inputs.begin(), run.inputs.end(), in.begin());
    std::copy(run.outputs.begin(), run.outputs.end(), out.begin());
    for (const Stage& stage : inputs_) {
      in[stage.tensor] = base + stage.offset;
      convert(*stage.widen, toFloat_, run.inputs[stage.tensor], in[stage.tensor]);
    }
    for (const Stage& stage : outputs_) out[stage.tensor] = base + stage.offset;
    void* rest = inner_->workspaceBytes ? base + innerAt_ : nullptr;
    inner_->run(Run{run.op, std::span<void* const>(in).first(run.inputs.size()),
                    std::span<void* const>(out).first(run.outputs.size()), rest});
    for (const Stage& stage : inputs_) {
      if (stage.round) convert(*stage.round, toFloat_, in[stage.tensor], run.inputs[stage.tensor]);
    }
    for (const Stage& stage : outputs_) convert(*stage.round, toFloat_, out[stage.tensor], run.outputs[stage.tensor]);
  }

 private:
  // The conversions see all that lies in memory, padding included, as one row.
  static Stage stage(Backend& backend, std::size_t tensor, std::size_t& offset, const TensorDesc& half, bool isRead,
                     bool isWritten) {
    auto count = static_cast<Index>(backend.bytes(half) / sizeOf(half.dtype));
    TensorDesc narrow(half.dtype, {count}), wideRow(DType::float32, {count});
    auto conversion = [&](const TensorDesc& from, const TensorDesc& to) {
      Descs result = {to};
      return backend.prepare(Cast{.dtype = to.dtype}, Signature{{&from, 1}, result}).kernel;
    };
    Stage made{tensor, offset, isRead ? conversion(narrow, wideRow) : nullptr,
               isWritten ? conversion(wideRow, narrow) : nullptr};
    offset += aligned(wideRow.plainBytes());
    return made;
  }

  static void convert(const Kernel& kernel, const Op& op, void* from, void* to) {
    void *inputs[] = {from}, *outputs[] = {to};
    kernel.run(Run{op, inputs, outputs});
  }

  KernelPtr inner_;
  std::vector<Stage> inputs_, outputs_;
  std::size_t innerAt_ = 0;
  Op toFloat_ = Cast{.dtype = DType::float32};  // a cast has no field that changes from run to run
};

KernelPtr wrapped(Backend& backend, KernelPtr inner, std::span<const TensorDesc> given, const Descs& results,
                  const std::vector<bool>& isOverwritten) {
  auto kernel = std::make_shared<WideKernel>(backend, std::move(inner), given, results, isOverwritten);
  return kernel->isWhole() ? kernel : nullptr;
}

}  // namespace

bool involvesHalf(const Signature& signature) {
  auto isHalfDesc = [](const TensorDesc& desc) { return desc.defined && isHalf(desc.dtype); };
  return std::any_of(signature.inputs.begin(), signature.inputs.end(), isHalfDesc) ||
         std::any_of(signature.outputs.begin(), signature.outputs.end(), isHalfDesc);
}

Prepared prepareWidened(Backend& backend, const Op& op, const Signature& signature) {
  const std::size_t count = signature.inputs.size();
  if (movesElements(op) || count > maxTensors || signature.outputs.size() > maxTensors) return {};
  Descs inputs, outputs;
  std::vector<bool> isOverwritten;
  for (std::size_t i = 0; i < count; i++) {
    inputs.push_back(widened(signature.inputs[i]));
    isOverwritten.push_back(mutates(op, static_cast<int>(i), static_cast<int>(count)));
  }
  for (const TensorDesc& desc : signature.outputs) outputs.push_back(widened(desc));
  // Weights in an order that only a compiled function of float32 can prepare ahead (Winograd's) would have no half to
  // be made of.
  Prepared inner = backend.prepare(op, Signature{inputs, outputs});
  if (!inner.kernel) return inner;
  KernelPtr kernel = wrapped(backend, inner.kernel, signature.inputs, signature.outputs, isOverwritten);
  return {kernel, kernel ? "" : "it does not convert half types", inner.isFallback};
}

KernelPtr reorderWidened(Backend& backend, const TensorDesc& from, const TensorDesc& to) {
  KernelPtr inner = backend.prepareReorder(widened(from), widened(to));
  return inner ? wrapped(backend, inner, {&from, 1}, {to}, {false}) : nullptr;
}

}  // namespace cnn

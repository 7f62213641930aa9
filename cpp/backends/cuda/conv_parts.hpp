// A convolution that cuDNN declines for its size, its samples taken a part at a time: cuDNN counts elements in 32 bits
// in most of its engines, and scratch memory grows with the batch. The direct kernels, the other choice, would take
// minutes for what is so large.
#pragma once

#include "planned.hpp"

namespace cnn::cuda {

/// Plans of a whole batch, or of parts that follow each other.
struct PartPlans {
  std::shared_ptr<const graph::Plan> plan, last;  // of `samples`, and of what is left at the end (null: nothing is)
  Index samples = 0, batch = 0;
  std::string declined;

  explicit operator bool() const { return plan != nullptr; }
  bool isWhole() const { return samples == batch; }
  std::size_t workspaceBytes() const { return std::max(plan->workspaceBytes(), last ? last->workspaceBytes() : 0); }
  /// Calls run(plan, first sample) for one part after another.
  template <class F>
  void each(F run) const {
    for (Index at = 0; at < batch; at += samples) run(batch - at < samples ? *last : *plan, at);
  }
};

/// What cuDNN counts with 32 bits.
inline constexpr Index mostElements = 0x7fffffff;
/// Multiply-adds from which parts are worth their plans: a direct kernel takes milliseconds for as many.
inline constexpr Index worthParts = Index{1} << 26;

/// As many samples as possible of `batch`, a half, a quarter, … of them, for which `ask(samples)` gives a plan, where
/// the whole has none.
template <class Ask>
PartPlans planParts(Index batch, Index multiplyAdds, Ask ask) {
  PartPlans parts{.samples = batch, .batch = batch};
  auto take = [&](graph::Planned planned) {
    if (parts.declined.empty()) parts.declined = planned.declined;
    return planned.plan;
  };
  parts.plan = take(ask(batch));
  if (multiplyAdds < worthParts) return parts;
  while (!parts.plan && parts.samples > 1) {
    parts.samples = (parts.samples + 1) / 2;
    parts.plan = take(ask(parts.samples));
    const Index left = batch % parts.samples;
    if (!parts.plan || left == 0) continue;
    parts.last = take(ask(left));
    if (!parts.last) parts.plan = nullptr;
  }
  return parts;
}

/// A tensor of some of the samples.
inline TensorDesc withSamples(TensorDesc desc, Index samples) {
  desc.shape[0] = samples;
  return desc;
}

/// Where a sample begins.
inline void* sampleAt(void* memory, const TensorDesc& desc, Index sample) {
  return static_cast<std::byte*>(memory) +
         static_cast<std::size_t>(sample) * (desc.plainBytes() / static_cast<std::size_t>(desc.shape[0]));
}

}  // namespace cnn::cuda

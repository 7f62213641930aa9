// What the prepare functions of own kernels share: making the kernel, and choosing a layout.
#pragma once

#include "base/error.hpp"
#include "kernels.hpp"
#include "kernels/walk.hpp"
#include "ops/print.hpp"

namespace cnn::cuda {

/// A kernel that reads plain inputs and writes plain outputs, unless `inputs` and `outputs` say otherwise; `inPlace` as
/// Kernel's.
template <class F>
Prepared ready(const Signature& signature, F function, std::size_t workspaceBytes = 0, std::vector<Layout> inputs = {},
               std::vector<Layout> outputs = {}, std::vector<int> inPlace = {}) {
  auto kernel = makeKernel(signature, std::move(function), workspaceBytes);
  kernel->inputLayouts = std::move(inputs);
  kernel->inPlace = std::move(inPlace);
  for (std::size_t i = 0; i < outputs.size(); i++) kernel->outputs[i].layout = outputs[i];
  return {kernel, {}};
}

/// What a kernel that may find its data wrong holds.
class Reporter {
 public:
  Reporter(const Op& op, const Signature& signature, Engine& engine)
      : fault_(engine.fault), site_(engine.sites.add(describe(op, signature.inputs))) {}
  FaultSink sink() const { return {fault_, site_->number()}; }

 private:
  Fault* fault_;
  std::shared_ptr<const FaultSites::Site> site_;
};

/// The layout in which an element-wise op runs: channels-last where a tensor of the result's shape already is.
inline Layout commonLayout(const Signature& signature, const Dims& shape) {
  for (const TensorDesc& desc : signature.inputs) {
    if (desc.defined && desc.shape == shape && desc.layout == channelsLast) return channelsLast;
  }
  return Layout{};
}

/// Each input as it is, but those of the result's shape in its layout: the others are small, and are read with strides.
inline std::vector<Layout> layoutsFor(const Signature& signature, const Dims& shape, Layout layout) {
  std::vector<Layout> layouts;
  for (const TensorDesc& desc : signature.inputs) layouts.push_back(desc.shape == shape ? layout : desc.layout);
  return layouts;
}

/// Each input as it is.
inline std::vector<Layout> layoutsOf(const Signature& signature) {
  std::vector<Layout> layouts;
  for (const TensorDesc& desc : signature.inputs) layouts.push_back(desc.layout);
  return layouts;
}

/// A desc in another layout.
inline TensorDesc in(TensorDesc desc, Layout layout) {
  desc.layout = layout;
  return desc;
}

}  // namespace cnn::cuda

// Engine: what the kernels of one cpu device share: the layouts, the number of threads and oneDNN's handles.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "choices.hpp"
#include "layout.hpp"
#include "winograd.hpp"

#ifdef CNN_WITH_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace cnn::cpu {

/// `bytes` rounded up, so that what follows in a workspace is aligned to a cache line.
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

struct Engine {
  LayoutTable layouts;
  std::atomic<int> threads;    // of large kernels
  Choices choices;             // of algorithms, by timing
  Index convolutionLanes = 1;  // of the blocked layout that convolutions like here
  /// Whether oneDNN was found when this was built, and NODE_CUDNN_ONEDNN is not `off`; else convolutions and products
  /// are computed by own kernels.
  const bool usesOneDnn;
#ifdef CNN_WITH_ONEDNN
  dnnl::engine dnnl{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{dnnl};
#endif

  /// Layouts of weights that Winograd's algorithm has transformed, which are no order of their elements, get numbers
  /// from here on.
  static constexpr std::uint32_t firstTransformed = 1u << 31;
  Layout internTransformed(const winograd::Weights& weights);
  bool isTransformed(Layout layout) const { return layout.id >= firstTransformed; }
  winograd::Weights transformed(Layout layout) const;

  explicit Engine(int threads);
  /// What convolutions and products are computed by, and its version.
  std::string library() const;
  /// Threads for a kernel of this many multiply-adds that is prepared now: one where sharing takes longer than it
  /// saves, and no more than a ThreadScope allows.
  int threadsFor(double multiplyAdds) const;
  Format format(const TensorDesc& desc) const { return layouts.format(desc); }
  std::optional<ChannelView> view(const TensorDesc& desc) const { return channelView(format(desc), desc.shape); }
  /// The layout of an activation with `lanes` channels side by side (1: plain), as ChannelView has them.
  Layout layoutWithLanes(const Dims& shape, Index lanes);
  /// Where nothing says how a convolution's activation lies: as oneDNN's convolutions of many channels like it.
  Layout preferredLayout(const Dims& shape) {
    return layoutWithLanes(shape, convolutionLanes > 1 && shape[1] % convolutionLanes == 0 ? convolutionLanes : 1);
  }
  bool isPadded(const TensorDesc& desc) const {
    return isTransformed(desc.layout) ||
           (!desc.layout.isPlain() && paddedElements(format(desc), desc.shape) != desc.elements());
  }
  /// The view of a padded tensor, whose lanes a kernel must make zero, else nothing.
  std::optional<ChannelView> paddedView(const TensorDesc& desc) const {
    return isPadded(desc) ? view(desc) : std::nullopt;
  }

 private:
  mutable std::mutex transformedMutex_;
  std::vector<winograd::Weights> transformed_;
};

}  // namespace cnn::cpu

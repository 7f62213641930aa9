// What the engine finds out once: the block of channels that this processor's convolutions like.
#include "engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "thread_pool.hpp"

#ifdef CNN_WITH_ONEDNN
#include "onednn.hpp"
#endif

namespace cnn::cpu {

namespace {

bool wantsOneDnn() {
#ifdef CNN_WITH_ONEDNN
  const char* given = std::getenv("NODE_CUDNN_ONEDNN");
  const std::string_view value = given ? given : "";
  if (!value.empty() && value != "on" && value != "off")
    fail(ErrorKind::value, "NODE_CUDNN_ONEDNN is '", value, "', expected on or off");
  return value != "off";
#else
  return false;
#endif
}

}  // namespace

Engine::Engine(int threads) : threads(threads), usesOneDnn(wantsOneDnn()) {
  if (!usesOneDnn) {
    convolutionLanes = winograd::lanes;
    return;
  }
#ifdef CNN_WITH_ONEDNN
  const Dims shape{1, 64, 8, 8}, kernel{64, 64, 3, 3};
  const DnnlDims ones{1, 1}, zeros{0, 0};
  const auto best =
      describeForward(dnnl, anyDesc(shape), anyDesc(kernel), {}, anyDesc(shape), {ones, zeros, ones, ones}, {});
  if (!best) return;
  if (auto format = formatOf(best.src_desc())) {
    if (auto view = channelView(*format, shape); view && view->lanes < shape[1]) convolutionLanes = view->lanes;
  }
#endif
}

std::string Engine::library() const {
#ifdef CNN_WITH_ONEDNN
  const dnnl_version_t* version = dnnl_version();
  if (usesOneDnn) return text("oneDNN ", version->major, ".", version->minor, ".", version->patch);
#endif
  return "own kernels";
}

int Engine::threadsFor(double multiplyAdds) const {
  constexpr double leastShared = 5e5;
  return multiplyAdds < leastShared ? 1 : withinLimit(threads.load(std::memory_order_relaxed));
}

Layout Engine::internTransformed(const winograd::Weights& weights) {
  std::scoped_lock lock(transformedMutex_);
  auto found = std::find(transformed_.begin(), transformed_.end(), weights);
  auto index = static_cast<std::uint32_t>(found - transformed_.begin());
  if (found == transformed_.end()) transformed_.push_back(weights);
  return {firstTransformed + index};
}

winograd::Weights Engine::transformed(Layout layout) const {
  std::scoped_lock lock(transformedMutex_);
  return transformed_.at(layout.id - firstTransformed);
}

Layout Engine::layoutWithLanes(const Dims& shape, Index lanes) {
  if (lanes == 1) return {};
  Format format = plainFormat(shape.size());
  if (lanes == shape[1]) {
    format.erase(format.begin() + 1);
    format.push_back({1, 0});
  } else {
    format.push_back({1, lanes});
  }
  return layouts.intern(format, shape);
}

}  // namespace cnn::cpu

// Target: the device that plans are made for. It is present, by a cuDNN handle, or only described, for tests on a machine
// without a GPU.
#pragma once

#include <mutex>

#include "descriptor.hpp"

namespace cnn::cuda {

/// What the user may choose, read when the device opens.
struct Switches {
  bool tf32 = true;            // float32 products on tensor cores with 10 bits of mantissa, as PyTorch's cudnn.allow_tf32
  bool deterministic = false;  // only engines that give the same bits each time
  bool autotune = false;       // time the candidates instead of trusting the heuristic
  std::size_t workspaceCap = std::size_t{256} << 20;  // bytes that one plan may ask for
};

}  // namespace cnn::cuda

namespace cnn::cuda::graph {

struct Target {
  cudnnHandle_t handle = nullptr;  // null: a described device
  Descriptor described;
  Switches switches;
};

/// The handle with which plans are made. `prepare` runs on the threads that call ops and not on the queue's, and a cuDNN handle
/// serves one thread at a time, so this one is apart from the queue's and is lent under a lock.
class Planning {
 public:
  Planning() = default;
  Planning(const Planning&) = delete;
  Planning& operator=(const Planning&) = delete;
  ~Planning();

  /// Calls `make(target)` for the device `ordinal`, which becomes this thread's current one.
  template <class Make>
  auto with(int ordinal, const Switches& switches, Make make) {
    std::lock_guard lock(mutex_);
    open(ordinal);
    Target target;
    target.handle = handle_;
    target.switches = switches;
    return make(static_cast<const Target&>(target));
  }

 private:
  void open(int ordinal);

  std::mutex mutex_;
  cudnnHandle_t handle_ = nullptr;
};

}  // namespace cnn::cuda::graph

// Transfer: copies between the host's memory and one device's, through page-locked buffers, in the order of the
// engine's stream.
#pragma once

#include "engine.hpp"

namespace cnn::cuda {

/// On the queue's thread.
class Transfer {
 public:
  explicit Transfer(const Engine& engine);
  /// `from` may go as soon as it returns. Large ones travel while the device computes; the last step, on the device, is
  /// in order.
  void upload(void* to, const void* from, std::size_t bytes);
  /// Waits for the stream.
  void download(void* to, const void* from, std::size_t bytes);

 private:
  /// Waits until the other half of the upload buffers is free.
  void turn();

  static constexpr std::size_t half = std::size_t{8} << 20;     // bytes under way before the host has to wait
  static constexpr std::size_t chunk = std::size_t{4} << 20;    // of a download
  static constexpr std::size_t direct = std::size_t{64} << 10;  // up to here the copy stream costs more than it saves

  cudaStream_t stream_;
  OwnedStream copies_;
  PinnedBytes outgoing_, incoming_;  // [2 · half], [2 · chunk]
  DeviceBytes landing_;              // [2 · half]: where uploads arrive, at the same offsets as in outgoing_
  OwnedEvent arrived_, isFree_[2], ready_[2];
  int current_ = 0;       // the half in use
  std::size_t used_ = 0;  // bytes of it
};

}  // namespace cnn::cuda

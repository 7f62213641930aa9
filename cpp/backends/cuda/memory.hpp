// Memory: a CUDA device's memory, from the driver's pool where it has one. The core's allocator keeps blocks above it,
// so few requests come down here.
#pragma once

#include "engine.hpp"

namespace cnn::cuda {

class Memory {
 public:
  explicit Memory(Engine& engine);
  /// Null where the device has none left. From any thread; ready for any stream.
  void* allocate(std::size_t bytes);
  /// After all that the engine's stream was given so far.
  void release(void* memory) noexcept;
  /// Gives the system what the pool keeps. Waits for the engine's stream.
  void trim() noexcept;

 private:
  Engine& engine_;
  cudaMemPool_t pool_ = nullptr;  // null: this device has no pools
  OwnedStream stream_;            // for allocations alone: the engine's stream may be recording when one is asked for
};

}  // namespace cnn::cuda

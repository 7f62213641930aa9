// A caching allocator for one queue: a block that is freed serves the next request at once, since all who use it run in
// queue order. Blocks are kept by size class; what is kept goes back to the system before the limit or an empty system fails a request.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "backend.hpp"
#include "base/error.hpp"
#include "queue.hpp"

namespace cnn {

class Allocator {
 public:
  Allocator(Backend& backend, std::string device, Queue& queue);
  ~Allocator();

  struct Block {
    void* memory = nullptr;
    std::size_t bytes = 0;  // of the block, at least what was asked for
  };

  /// Throws OutOfMemoryError with the figures. `live` counts what tensors hold; a kernel's workspace does not. On the queue's thread it gives no block
  /// that a queued task may still use, and never waits.
  Block allocate(std::size_t bytes, bool isTensor = true);
  void release(Block block, bool isTensor = true) noexcept;
  /// Gives back all cached blocks.
  void trim();

  MemoryFigures figures() const;
  void setLimit(std::size_t bytes);
  void resetPeak();

 private:
  static std::size_t sizeClass(std::size_t bytes);
  /// A block that was released, and the last task that may use it.
  struct Cached {
    void* memory = nullptr;
    std::uint64_t ticket = 0;
  };
  Block reuse(std::size_t size);
  void trimLocked(std::unique_lock<std::mutex>& lock);

  Backend& backend_;
  std::string device_;
  Queue& queue_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<Cached>> cache_;  // by size
  MemoryFigures figures_;
};

/// A block that goes back to its allocator, which lives longer.
class Lease {
 public:
  /// `isTensor`: whether it counts as live.
  Lease(Allocator& allocator, std::size_t bytes, bool isTensor = false)
      : allocator_(allocator), block_(allocator.allocate(bytes, isTensor)), isTensor_(isTensor) {}
  ~Lease() { allocator_.release(block_, isTensor_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  void* memory() const { return block_.memory; }
  std::size_t bytes() const { return block_.bytes; }

 private:
  Allocator& allocator_;
  Allocator::Block block_;
  bool isTensor_;
};

}  // namespace cnn

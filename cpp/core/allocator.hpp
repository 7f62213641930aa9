// A caching allocator for one queue: a block that is freed serves the next request at once, since all who use it run in
// queue order. Blocks are kept by size class; what is kept goes back to the system before the limit or an empty system fails a request.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend.hpp"
#include "base/error.hpp"

namespace cnn {

class Allocator {
 public:
  /// `drain` waits until the queue is empty: only then may memory go back to the system.
  Allocator(Backend& backend, std::string device, std::function<void()> drain);
  ~Allocator();

  struct Block {
    void* memory = nullptr;
    std::size_t bytes = 0;  // of the block, at least what was asked for
  };

  /// Throws OutOfMemoryError with the figures. `live` counts what tensors hold; a kernel's workspace does not.
  Block allocate(std::size_t bytes, bool isTensor = true);
  void release(Block block, bool isTensor = true) noexcept;
  /// Memory of the host, of which no account is kept: for values on their way from or to JavaScript. Throws OutOfMemoryError.
  std::unique_ptr<std::byte[]> allocateHost(std::size_t bytes);
  /// Gives back all cached blocks.
  void trim();

  MemoryFigures figures() const;
  void setLimit(std::size_t bytes);
  void resetPeak();

  /// For tests: of all requests from now on (for blocks, host memory and prepared kernels), that of this number, from 1, finds no memory; 0: none.
  void failRequest(std::size_t number) { untilFailure_.store(number, std::memory_order_relaxed); }
  /// Counts a request that somebody else answers. Throws OutOfMemoryError if it is the one to fail.
  void countRequest(std::size_t bytes);

 private:
  bool isToFail() { return untilFailure_.load(std::memory_order_relaxed) != 0 && untilFailure_.fetch_sub(1, std::memory_order_relaxed) == 1; }
  [[noreturn]] void refuse(std::size_t bytes) const;
  static std::size_t sizeClass(std::size_t bytes);
  void trimLocked(std::unique_lock<std::mutex>& lock);

  Backend& backend_;
  std::string device_;
  std::function<void()> drain_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> cache_;  // by size
  MemoryFigures figures_;
  std::atomic<std::size_t> untilFailure_{0};
};

/// A block that goes back to its allocator, which lives longer.
class Lease {
 public:
  /// Of no bytes it is null.
  Lease(Allocator& allocator, std::size_t bytes) : allocator_(allocator), block_(bytes ? allocator.allocate(bytes, false) : Allocator::Block()) {}
  Lease(Lease&& other) noexcept : allocator_(other.allocator_), block_(std::exchange(other.block_, {})) {}
  ~Lease() { allocator_.release(block_, false); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  void* memory() const { return block_.memory; }
  std::size_t bytes() const { return block_.bytes; }

 private:
  Allocator& allocator_;
  Allocator::Block block_;
};

}  // namespace cnn

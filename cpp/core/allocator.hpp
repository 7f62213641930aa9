// A caching allocator for one queue: a block that a client freed serves that client's next request at once, since all
// of its tasks run in order; others get it once the tasks that may use it are done. Blocks are kept by size class; what
// is kept goes back to the system before the limit or an empty system fails a request.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "backend.hpp"
#include "base/error.hpp"
#include "queue.hpp"

namespace cnn {

/// Who may use a block: the tasks of one client, or those of all.
enum class Users { one, all };

class Allocator {
 public:
  Allocator(Backend& backend, std::string device, Queue& queue);
  ~Allocator();  // the queue has stopped

  struct Block {
    void* memory = nullptr;
    std::size_t bytes = 0;     // of the block, at least what was asked for
    std::uint64_t client = 0;  // who uses it; 0: anybody may
  };

  /// Throws OutOfMemoryError with the figures. `live` counts what tensors hold; a kernel's workspace does not. Where
  /// only cached memory that queued tasks may use is in the way, it waits: for tasks of the calling thread's client as
  /// long as it takes, for others half a second at most.
  Block allocate(std::size_t bytes, bool isTensor = true, Users users = Users::one);
  void release(Block block, bool isTensor = true) noexcept;
  /// Memory of the host, of which no account is kept: for values on their way from or to JavaScript. Throws
  /// OutOfMemoryError.
  std::unique_ptr<std::byte[]> allocateHost(std::size_t bytes);
  /// Gives back the cached blocks that no queued task may use; waits half a second at most for those of the calling
  /// thread's client.
  void trim();

  MemoryFigures figures() const;
  void setLimit(std::size_t bytes);
  void resetPeak();

  /// For tests: of all requests from now on (for blocks, host memory and prepared kernels), that of this number, from
  /// 1, finds no memory; 0: none.
  void failRequest(std::size_t number) { untilFailure_.store(number, std::memory_order_relaxed); }
  /// Counts a request that somebody else answers. Throws OutOfMemoryError if it is the one to fail.
  void countRequest(std::size_t bytes);

 private:
  struct Cached {
    void* memory;
    Ticket ticket;  // the newest task when it was released
  };
  struct Cache {
    std::uint64_t client;
    std::map<std::size_t, std::vector<Cached>> blocks;  // by size, those that were released last at the back
  };
  bool isToFail() {
    return untilFailure_.load(std::memory_order_relaxed) != 0 &&
           untilFailure_.fetch_sub(1, std::memory_order_relaxed) == 1;
  }
  /// `isLimited`: by the limit, or by a test, and not because the system has none.
  [[noreturn]] void refuse(std::size_t bytes, bool isLimited) const;
  static std::size_t sizeClass(std::size_t bytes);
  Cache& cacheOf(std::uint64_t client);
  /// A cached block of at least `size` bytes, and not many more; no memory where there is none.
  Block reuse(std::size_t size, std::uint64_t client);
  /// Gives back what no queued task may use.
  void freePast(std::unique_lock<std::mutex>& lock);
  /// Waits until more can be given back, and returns whether that is so.
  bool awaitMore(std::unique_lock<std::mutex>& lock, std::size_t size, std::uint64_t client,
                 Queue::Clock::time_point end);
  std::size_t cachedBytes() const;

  Backend& backend_;
  std::string device_;
  Queue& queue_;
  mutable std::mutex mutex_;
  std::vector<Cache> caches_;
  MemoryFigures figures_;
  std::atomic<std::size_t> untilFailure_{0};
};

/// A block that goes back to its allocator, which lives longer.
class Lease {
 public:
  /// Of no bytes it is null. `isTensor`: whether it counts as live.
  Lease(Allocator& allocator, std::size_t bytes, Users users = Users::one, bool isTensor = false)
      : allocator_(allocator),
        block_(bytes ? allocator.allocate(bytes, isTensor, users) : Allocator::Block()),
        isTensor_(isTensor) {}
  Lease(Lease&& other) noexcept
      : allocator_(other.allocator_), block_(std::exchange(other.block_, {})), isTensor_(other.isTensor_) {}
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

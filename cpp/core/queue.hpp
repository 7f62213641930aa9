// A device's queue: tasks run one after another on a thread of its own, in the order in which they were put in.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.hpp"

namespace cnn {

/// Where one user's failures wait until that user next reads something.
class Failures {
 public:
  /// Keeps the first failure until it is taken.
  void record(Error error);
  std::optional<Error> take();

 private:
  std::mutex mutex_;
  std::optional<Error> first_;
};

class Queue {
 public:
  using Task = std::function<void()>;
  /// `start` runs first on the queue's thread.
  explicit Queue(Task start);
  ~Queue();  // finishes what is queued

  /// Appends a task; what it throws goes to `failures`. Where `capacity` tasks wait, the caller waits too: the queue is bounded.
  void push(Task task, std::shared_ptr<Failures> failures);
  /// Waits until all tasks so far are done.
  void drain();
  /// Spins until nothing is queued or running, for so long at most, and lets others have the core meanwhile; true if so.
  bool awaitIdle(std::chrono::microseconds most) const;
  /// True if nothing is queued or running: memory may then be touched directly.
  bool isIdle() const { return pending_.load(std::memory_order_acquire) == 0; }
  /// How many tasks were put in so far: the ticket of the last one.
  std::uint64_t last() const { return last_.load(std::memory_order_acquire); }
  /// Whether all tasks up to that ticket are done.
  bool isPast(std::uint64_t ticket) const { return done_.load(std::memory_order_acquire) >= ticket; }
  bool isQueueThread() const { return std::this_thread::get_id() == thread_.get_id(); }

  static constexpr std::size_t capacity = 8192;

 private:
  struct Entry {
    Task task;
    std::shared_ptr<Failures> failures;
  };
  void loop();
  void run(Entry& entry);

  std::mutex mutex_;
  std::condition_variable wake_, progress_;
  std::deque<Entry> entries_;
  std::atomic<std::size_t> pending_{0};  // queued or running
  std::atomic<std::uint64_t> last_{0}, done_{0};  // tasks put in, tasks done
  std::size_t waiters_ = 0;              // callers waiting for progress
  bool sleeping_ = false, stopping_ = false;
  Task start_;
  std::thread thread_;
};

}  // namespace cnn

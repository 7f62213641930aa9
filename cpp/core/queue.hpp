// A device's queue: tasks run one after another on a thread of its own, in the order in which they were put in.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "failure.hpp"

namespace cnn {

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
  std::size_t waiters_ = 0;              // callers waiting for progress
  bool sleeping_ = false, stopping_ = false;
  Task start_;
  std::thread thread_;
};

}  // namespace cnn

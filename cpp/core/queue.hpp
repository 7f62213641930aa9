// A device's queue: tasks run one after another on a thread of its own, in the order in which they were put in.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.hpp"

namespace cnn {

class Queue {
 public:
  using Task = std::function<void()>;
  /// `start` runs first on the queue's thread.
  explicit Queue(std::function<void()> start);
  ~Queue();  // finishes what is queued

  /// Appends a task. When `capacity` tasks wait, the caller waits too: the queue is bounded.
  void push(Task task);
  /// Waits until all tasks so far are done.
  void drain();
  /// True if nothing is queued or running: memory may then be touched directly.
  bool isIdle() const { return pending_.load(std::memory_order_acquire) == 0; }

  /// Tasks waiting or running.
  std::size_t pending() const { return pending_.load(std::memory_order_acquire); }
  bool isQueueThread() const { return std::this_thread::get_id() == thread_.get_id(); }

  /// The first failure since it was last taken; later reads fail with it.
  std::optional<Error> takeFailure();

  static constexpr std::size_t capacity = 8192;

 private:
  void loop();
  void recordFailure(Error error);

  std::mutex mutex_;
  std::condition_variable wake_, space_, idle_;
  std::deque<Task> tasks_;
  std::atomic<std::size_t> pending_{0};
  std::optional<Error> failure_;
  bool sleeping_ = false, stopping_ = false;
  std::function<void()> start_;
  std::thread thread_;
};

}  // namespace cnn

// A device's queue: one thread runs the tasks of all clients, those of a client in the order in which it put them in.
// Clients share the thread's time equally, whatever they have waiting.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "client.hpp"

namespace cnn {

/// The number of a task: later ones have greater numbers, also across clients.
using Ticket = std::uint64_t;

class Queue {
 public:
  using Clock = std::chrono::steady_clock;
  using Task = std::function<void()>;
  static constexpr Clock::time_point never = Clock::time_point::max();
  /// `start` runs first on the queue's thread.
  explicit Queue(Task start);
  ~Queue();  // stops

  /// Appends a task; what it throws goes to its client's failures. Where the client has `capacity` tasks waiting, the
  /// caller waits too: the queue is bounded. Once the queue has stopped or the client has left, the task is dropped.
  void push(Task task, const ClientPtr& client);
  /// As `push`, for a task that the thread passes by (with what its client put in later) until `gate` is true; who sets
  /// it calls `wake`.
  void pushBehind(std::shared_ptr<const std::atomic<bool>> gate, Task task, const ClientPtr& client);
  void wake();

  /// The newest task's.
  Ticket last() const { return last_.load(std::memory_order_acquire); }
  /// Whether all tasks up to `ticket` that a client put in are done; client 0: of all clients.
  bool isPast(std::uint64_t client, Ticket ticket) const;
  /// Waits for that, until `end` at most, and returns whether it is so: it may not be where the waiting thread is being
  /// ended.
  bool await(std::uint64_t client, Ticket ticket, Clock::time_point end = never);

  /// Spins until nothing is queued or running, for so long at most, and lets others have the core meanwhile; true if
  /// so.
  bool awaitIdle(std::chrono::microseconds most) const;
  /// True if nothing is queued or running: memory may then be touched directly.
  bool isIdle() const { return pending_.load(std::memory_order_acquire) == 0; }
  bool isQueueThread() const { return std::this_thread::get_id() == thread_.get_id(); }

  /// For the end of the process: from now on a task starts only while a thread waits for one, and `afterTask` is called
  /// behind each. Returns when no task runs, or at `end`.
  void hold(Task afterTask, Clock::time_point end);
  /// From now on no task starts, and a running one ends between two steps.
  void stop();
  /// Ready once the thread has ended.
  std::shared_future<void> ended() const { return ended_; }

  static constexpr std::size_t capacity = 8192;  // of each client

 private:
  struct Entry {
    Ticket ticket = 0;
    Task task;
    std::shared_ptr<const std::atomic<bool>> gate;  // null: none
  };
  struct Lane {
    ClientPtr client;  // null: tasks of nobody
    std::deque<Entry> entries;
    Ticket running = 0;
    Clock::duration used{0};  // time that its tasks took, or would have taken while it had none

    std::uint64_t id() const { return client ? client->id() : 0; }
    bool isActive() const { return running != 0 || !entries.empty(); }
    bool isReady() const;
    bool isPast(Ticket ticket) const {
      return (running == 0 || running > ticket) && (entries.empty() || entries.front().ticket > ticket);
    }
  };
  void append(Entry entry, const ClientPtr& client);
  Lane& laneOf(const ClientPtr& client);
  Lane* next();
  bool isPastLocked(std::uint64_t client, Ticket ticket) const;
  bool isRunning() const;
  /// Waits for `isDone`, until `end` at most, or until the calling thread is to end.
  template <class F>
  bool waitFor(std::unique_lock<std::mutex>& lock, Clock::time_point end, F isDone);
  void loop();
  void runOne(std::unique_lock<std::mutex>& lock, Lane& lane);
  void forgetLanes();

  mutable std::mutex mutex_;
  std::condition_variable wake_, progress_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Lane* current_ = nullptr;              // the lane of the last task
  std::atomic<std::size_t> pending_{0};  // queued or running
  std::atomic<Ticket> last_{0};
  std::size_t waiters_ = 0;  // callers waiting for progress
  bool sleeping_ = false;
  Task afterTask_;  // empty: tasks are not held
  std::atomic<bool> stopping_{false};
  std::promise<void> end_;
  std::shared_future<void> ended_ = end_.get_future().share();
  Task start_;
  std::thread thread_;
};

}  // namespace cnn

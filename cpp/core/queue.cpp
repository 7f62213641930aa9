// The queue's thread. It spins a little before it sleeps, since the next op usually comes within microseconds.
#include "queue.hpp"

#include <utility>

namespace cnn {

void Failures::record(Error error) {
  std::lock_guard lock(mutex_);
  if (!first_) first_ = std::move(error);
}

std::optional<Error> Failures::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(first_, std::nullopt);
}

Queue::Queue(Task start) : start_(std::move(start)), thread_([this] { loop(); }) {}

Queue::~Queue() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Queue::push(Task task, std::shared_ptr<Failures> failures) {
  std::unique_lock lock(mutex_);
  if (entries_.size() >= capacity) {
    waiters_++;
    progress_.wait(lock, [this] { return entries_.size() < capacity; });
    waiters_--;
  }
  entries_.push_back({std::move(task), std::move(failures)});
  pending_.fetch_add(1, std::memory_order_acq_rel);
  last_.fetch_add(1, std::memory_order_acq_rel);
  bool wake = sleeping_;
  lock.unlock();
  if (wake) wake_.notify_one();
}

void Queue::drain() {
  if (isIdle() || isQueueThread()) return;
  std::unique_lock lock(mutex_);
  waiters_++;
  progress_.wait(lock, [this] { return isIdle(); });
  waiters_--;
}

bool Queue::awaitIdle(std::chrono::microseconds most) const {
  using Clock = std::chrono::steady_clock;
  for (auto end = Clock::now() + most; !isIdle();) {
    if (Clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

void Queue::run(Entry& entry) {
  try {
    entry.task();
  } catch (const Error& error) {
    if (entry.failures) entry.failures->record(error);
  } catch (const std::exception& error) {
    if (entry.failures) entry.failures->record(Error(ErrorKind::backend, error.what()));
  }
}

void Queue::loop() {
  start_();
  using Clock = std::chrono::steady_clock;
  constexpr auto spin = std::chrono::microseconds(200);
  std::unique_lock lock(mutex_);
  while (true) {
    if (entries_.empty() && !stopping_) {
      lock.unlock();
      for (auto end = Clock::now() + spin; isIdle() && Clock::now() < end;) std::this_thread::yield();
      lock.lock();
      sleeping_ = true;
      wake_.wait(lock, [this] { return !entries_.empty() || stopping_; });
      sleeping_ = false;
    }
    if (entries_.empty()) return;
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    lock.unlock();
    run(entry);
    entry = {};  // what the task held goes before the queue counts as idle
    lock.lock();
    done_.fetch_add(1, std::memory_order_acq_rel);
    pending_.fetch_sub(1, std::memory_order_acq_rel);
    if (waiters_) progress_.notify_all();
  }
}

}  // namespace cnn

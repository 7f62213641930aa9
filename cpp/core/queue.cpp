// The queue's thread. It spins a little before it sleeps, since the next op usually comes within microseconds.
#include "queue.hpp"

#include <algorithm>
#include <utility>

namespace cnn {

namespace {
// A client goes on for so long before another's turn: what it has in the caches serves more than one task.
constexpr auto turn = std::chrono::milliseconds(1);
// How often a thread that waits looks whether it still should.
constexpr auto glance = std::chrono::milliseconds(20);

// Told when the thread ends, after all that came later and is local to it: who waits for that takes down what those
// use.
struct EndOfThread {
  std::promise<void>* promise = nullptr;
  ~EndOfThread() {
    if (promise) promise->set_value();
  }
};
thread_local EndOfThread endOfThread;
}  // namespace

// What a client that left had waiting can be dropped at any time.
bool Queue::Lane::isReady() const {
  if (entries.empty()) return false;
  const auto& gate = entries.front().gate;
  return !gate || gate->load(std::memory_order_acquire) || (client && client->hasLeft());
}

Queue::Queue(Task start) : start_(std::move(start)), thread_([this] { loop(); }) {}

Queue::~Queue() {
  stop();
  thread_.join();
  lanes_.clear();
}

Queue::Lane& Queue::laneOf(const ClientPtr& client) {
  std::uint64_t id = client ? client->id() : 0;
  for (auto& lane : lanes_) {
    if (lane->id() == id) return *lane;
  }
  forgetLanes();
  lanes_.push_back(std::make_unique<Lane>());
  lanes_.back()->client = client;
  return *lanes_.back();
}

void Queue::push(Task task, const ClientPtr& client) { append({0, std::move(task), nullptr}, client); }

void Queue::pushBehind(std::shared_ptr<const std::atomic<bool>> gate, Task task, const ClientPtr& client) {
  append({0, std::move(task), std::move(gate)}, client);
}

void Queue::append(Entry entry, const ClientPtr& client) {
  std::unique_lock lock(mutex_);
  auto isUseless = [&] { return stopping_ || (client && client->hasLeft()); };
  if (laneOf(client).entries.size() >= capacity && !isQueueThread()) {
    waitFor(lock, never, [&] { return laneOf(client).entries.size() < capacity || isUseless(); });
  }
  if (isUseless()) return;
  Lane& lane = laneOf(client);
  if (lanes_.size() > 1 && !lane.isActive()) {  // time in which it wanted nothing is no credit
    auto least = Clock::duration::max();
    for (auto& other : lanes_) {
      if (other->isActive()) least = std::min(least, other->used);
    }
    if (least != Clock::duration::max()) lane.used = std::max(lane.used, least);
  }
  entry.ticket = last_.load(std::memory_order_relaxed) + 1;
  last_.store(entry.ticket, std::memory_order_release);
  lane.entries.push_back(std::move(entry));
  pending_.fetch_add(1, std::memory_order_acq_rel);
  bool wake = sleeping_;
  lock.unlock();
  if (wake) wake_.notify_one();
}

void Queue::wake() {
  { std::lock_guard lock(mutex_); }  // the thread either sees the gate or sleeps
  wake_.notify_one();
}

template <class F>
bool Queue::waitFor(std::unique_lock<std::mutex>& lock, Clock::time_point end, F isDone) {
  Client* waiting = Client::current();
  auto look = Clock::now() + glance;
  waiters_++;
  if (afterTask_) wake_.notify_one();
  while (!isDone()) {
    auto now = Clock::now();
    if (now >= end) break;
    if (now >= look) {
      look = now + glance;
      lock.unlock();
      bool isEnding = waiting && (waiting->hasLeft() || (waiting->isEnding && waiting->isEnding()));
      lock.lock();
      if (isEnding) {
        waiting->dismiss();
        break;
      }
    }
    progress_.wait_until(lock, std::min(end, look));
  }
  waiters_--;
  // Whoever held the tasks may end the process now: none shall run then.
  while (afterTask_ && waiters_ == 0 && isRunning() && Clock::now() < end)
    progress_.wait_until(lock, std::min(end, Clock::now() + glance));
  return isDone();
}

bool Queue::isRunning() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->running != 0; });
}

void Queue::hold(Task afterTask, Clock::time_point end) {
  std::unique_lock lock(mutex_);
  afterTask_ = std::move(afterTask);
  while (isRunning() && Clock::now() < end) progress_.wait_until(lock, std::min(end, Clock::now() + glance));
}

bool Queue::isPastLocked(std::uint64_t client, Ticket ticket) const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [&](const auto& lane) { return (client != 0 && lane->id() != client) || lane->isPast(ticket); });
}

bool Queue::isPast(std::uint64_t client, Ticket ticket) const {
  if (isIdle()) return true;
  std::lock_guard lock(mutex_);
  return isPastLocked(client, ticket);
}

bool Queue::await(std::uint64_t client, Ticket ticket, Clock::time_point end) {
  if (isIdle()) return true;
  std::unique_lock lock(mutex_);
  if (isQueueThread()) return isPastLocked(client, ticket);
  return waitFor(lock, end, [&] { return isPastLocked(client, ticket); });
}

bool Queue::awaitIdle(std::chrono::microseconds most) const {
  for (auto end = Clock::now() + most; !isIdle();) {
    if (Clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

void Queue::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& lane : lanes_) {
      if (lane->running && lane->client) lane->client->dismiss();
    }
  }
  wake_.notify_one();
  progress_.notify_all();
}

// The ready lane that has had the least time; the last one for a turn longer.
Queue::Lane* Queue::next() {
  if (afterTask_ && waiters_ == 0) return nullptr;
  Lane* least = nullptr;
  for (auto& lane : lanes_) {
    if (lane->isReady() && (!least || lane->used < least->used)) least = lane.get();
  }
  if (least && current_ && current_->isReady() && current_->used < least->used + turn) return current_;
  return least;
}

// Of clients that have left.
void Queue::forgetLanes() {
  std::erase_if(lanes_, [&](const auto& lane) {
    bool isOver = !lane->isActive() && lane->client && lane->client->hasLeft();
    if (isOver && current_ == lane.get()) current_ = nullptr;
    return isOver;
  });
}

void Queue::runOne(std::unique_lock<std::mutex>& lock, Lane& lane) {
  Entry entry = std::move(lane.entries.front());
  lane.entries.pop_front();
  lane.running = entry.ticket;
  current_ = &lane;
  bool isTimed = lanes_.size() > 1;
  ClientPtr client = lane.client;
  lock.unlock();
  auto start = isTimed ? Clock::now() : Clock::time_point();
  {
    Client::Scope scope(client.get());
    try {
      if (!client || !client->hasLeft()) entry.task();
    } catch (const std::exception& error) {
      if (client) client->record(error);
    }
    entry = {};  // what the task held goes before it counts as done
  }
  auto used = isTimed ? Clock::now() - start : Clock::duration::zero();
  lock.lock();
  if (afterTask_) afterTask_();
  lane.running = 0;
  lane.used += used;
  pending_.fetch_sub(1, std::memory_order_acq_rel);
  if (client && client->hasLeft()) forgetLanes();
  if (waiters_ || afterTask_) progress_.notify_all();
}

void Queue::loop() {
  endOfThread.promise = &end_;
  start_();
  constexpr auto spin = std::chrono::microseconds(200);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Lane* lane = next();
    if (!lane && isIdle()) {
      lock.unlock();
      for (auto end = Clock::now() + spin; isIdle() && !stopping_ && Clock::now() < end;) std::this_thread::yield();
      lock.lock();
      lane = next();
    }
    if (lane) {
      runOne(lock, *lane);
      continue;
    }
    sleeping_ = true;
    wake_.wait(lock, [&] { return next() || stopping_; });
    sleeping_ = false;
  }
}

}  // namespace cnn

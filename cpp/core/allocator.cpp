// The caching allocator: size classes, the limit, and the way back to the system.
#include "allocator.hpp"

#include <algorithm>
#include <bit>

namespace cnn {

Allocator::Allocator(Backend& backend, std::string device, Queue& queue) : backend_(backend), device_(std::move(device)), queue_(queue) {}

Allocator::~Allocator() { trim(); }

// Up to 1 KiB multiples of 64 bytes, above that eight steps per power of two: at most 12.5 % is wasted.
std::size_t Allocator::sizeClass(std::size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 64 : (bytes + 63) / 64 * 64;
  std::size_t step = std::bit_ceil(bytes) / 16;
  return (bytes + step - 1) / step * step;
}

// Whoever queues tasks may have a block at once, since they run after all that use it; the task that runs now may not.
Allocator::Block Allocator::reuse(std::size_t size) {
  bool isRunning = queue_.isQueueThread();
  for (auto found = cache_.lower_bound(size); found != cache_.end() && found->first <= size + size / 4; ++found) {
    auto& list = found->second;
    auto chosen = isRunning ? std::find_if(list.begin(), list.end(), [&](const Cached& each) { return queue_.isPast(each.ticket); }) : list.end() - 1;
    if (chosen == list.end()) continue;
    Block block{chosen->memory, found->first};
    list.erase(chosen);
    if (list.empty()) cache_.erase(found);
    return block;
  }
  return {};
}

Allocator::Block Allocator::allocate(std::size_t bytes, bool isTensor) {
  std::size_t size = sizeClass(bytes);
  std::unique_lock lock(mutex_);
  void* memory = nullptr;
  for (int attempt = 0; attempt < 2 && !memory; attempt++) {
    if (Block block = reuse(size); block.memory) {
      memory = block.memory;
      size = block.bytes;
      break;
    }
    bool fits = figures_.limit == 0 || figures_.reserved + size <= figures_.limit;
    if (fits && (memory = backend_.allocate(size))) {
      figures_.reserved += size;
    } else if (attempt == 0) {
      trimLocked(lock);
    }
  }
  if (!memory) {
    Error error(ErrorKind::outOfMemory,
                text("out of memory on ", device_, ": ", bytes, " bytes were asked for, ", figures_.live, " are live, ", figures_.reserved,
                     " reserved, the peak was ", figures_.peak, figures_.limit ? text(", the limit is ", figures_.limit) : std::string()));
    error.memory = figures_;
    error.requested = bytes;
    throw error;
  }
  if (isTensor) {
    figures_.live += size;
    figures_.tensors++;
    figures_.peak = std::max(figures_.peak, figures_.live);
  }
  return {memory, size};
}

void Allocator::release(Block block, bool isTensor) noexcept {
  if (!block.memory) return;
  std::lock_guard lock(mutex_);
  if (isTensor) {
    figures_.live -= block.bytes;
    figures_.tensors--;
  }
  cache_[block.bytes].push_back({block.memory, queue_.last()});
}

void Allocator::trim() {
  queue_.drain();  // what a finished read still holds comes back first
  std::unique_lock lock(mutex_);
  trimLocked(lock);
}

// The blocks leave the cache first: what is queued now may still use them, what is queued later can't.
void Allocator::trimLocked(std::unique_lock<std::mutex>& lock) {
  auto blocks = std::exchange(cache_, {});
  if (queue_.isQueueThread()) {
    for (auto& [size, list] : blocks) {
      auto past = std::partition(list.begin(), list.end(), [&](const Cached& each) { return queue_.isPast(each.ticket); });
      if (past != list.end()) cache_[size].assign(past, list.end());
      list.erase(past, list.end());
    }
  }
  lock.unlock();
  queue_.drain();
  std::size_t freed = 0;
  for (auto& [size, list] : blocks) {
    for (const Cached& each : list) backend_.release(each.memory, size);
    freed += size * list.size();
  }
  backend_.trim();
  lock.lock();
  figures_.reserved -= freed;
}

MemoryFigures Allocator::figures() const {
  std::lock_guard lock(mutex_);
  return figures_;
}

void Allocator::setLimit(std::size_t bytes) {
  std::lock_guard lock(mutex_);
  figures_.limit = bytes;
}

void Allocator::resetPeak() {
  std::lock_guard lock(mutex_);
  figures_.peak = figures_.live;
}

}  // namespace cnn

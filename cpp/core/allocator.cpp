// The caching allocator: size classes, the limit, and the way back to the system.
#include "allocator.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace cnn {

namespace {
constexpr auto patience = std::chrono::milliseconds(500);
constexpr std::size_t largePage = std::size_t{2} << 20, manyPages = std::size_t{64} << 20;

std::uint64_t callingClient() {
  const Client* client = Client::current();
  return client ? client->id() : 0;
}
}  // namespace

Allocator::Allocator(Backend& backend, std::string device, Queue& queue)
    : backend_(backend), device_(std::move(device)), queue_(queue) {}

Allocator::~Allocator() {
  for (Cache& cache : caches_) {
    for (auto& [size, list] : cache.blocks) {
      for (const Cached& each : list) backend_.release(each.memory, size);
    }
  }
  backend_.trim();
}

// Up to 1 KiB multiples of 64 bytes, above that eight steps per power of two: at most 12.5 % is wasted. From 64 MiB on
// large pages, as a GPU's driver gives them: at most 3 %.
std::size_t Allocator::sizeClass(std::size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 64 : (bytes + 63) / 64 * 64;
  std::size_t step = bytes <= manyPages ? std::bit_ceil(bytes) / 16 : largePage;
  return (bytes + step - 1) / step * step;
}

Allocator::Cache& Allocator::cacheOf(std::uint64_t client) {
  for (Cache& cache : caches_) {
    if (cache.client == client) return cache;
  }
  std::erase_if(caches_, [](const Cache& cache) { return cache.blocks.empty(); });
  return caches_.emplace_back(Cache{client, {}});
}

Allocator::Block Allocator::reuse(std::size_t size, std::uint64_t client) {
  auto take = [&](Cache& cache, bool isOwn) -> Block {
    auto found = cache.blocks.lower_bound(size);
    if (found == cache.blocks.end() || found->first > size + size / 4) return {};
    auto& [bytes, list] = *found;
    auto chosen = isOwn ? list.end() - 1 : list.begin();
    if (!isOwn && !queue_.isPast(cache.client, chosen->ticket)) return {};
    Block block{chosen->memory, bytes, client};
    list.erase(chosen);
    if (list.empty()) cache.blocks.erase(found);
    return block;
  };
  if (client != 0) {
    if (Block block = take(cacheOf(client), true); block.memory) return block;
  }
  for (Cache& cache : caches_) {
    if (client != 0 && cache.client == client) continue;
    if (Block block = take(cache, false); block.memory) return block;
  }
  return {};
}

Allocator::Block Allocator::allocate(std::size_t bytes, bool isTensor, Users users) {
  std::uint64_t client = users == Users::all ? 0 : callingClient();
  std::size_t size = sizeClass(bytes);
  std::unique_lock lock(mutex_);
  if (isToFail()) refuse(bytes, true);
  Block block;
  bool fits = true;
  auto end = Queue::never;
  for (bool isTrimmed = false;;) {
    if (block = reuse(size, client); block.memory) break;
    fits = figures_.limit == 0 || (size <= figures_.limit && figures_.reserved <= figures_.limit - size);
    if (fits && (block.memory = backend_.allocate(size))) {
      block = {block.memory, size, client};
      figures_.reserved += size;
      break;
    }
    if (!std::exchange(isTrimmed, true)) {
      freePast(lock);
      continue;
    }
    if (end == Queue::never) end = Queue::Clock::now() + patience;
    if (!awaitMore(lock, size, callingClient(), end)) break;
    freePast(lock);
  }
  if (!block.memory) refuse(bytes, !fits);
  if (isTensor) {
    figures_.live += block.bytes;
    figures_.tensors++;
    figures_.peak = std::max(figures_.peak, figures_.live);
  }
  return block;
}

// With the lock held.
void Allocator::refuse(std::size_t bytes, bool isLimited) const {
  std::string others;
  if (auto shared = isLimited ? std::nullopt : backend_.sharedMemory()) {
    std::size_t used = shared->total - shared->available;
    others = text(", the device has ", shared->total, ", of which ", shared->available, " are free and ",
                  used - std::min(used, figures_.reserved), " are held by other processes and libraries");
  }
  Error error(ErrorKind::outOfMemory,
              text("out of memory on ", device_, ": ", bytes, " bytes were asked for, ", figures_.live, " are live, ",
                   figures_.reserved, " reserved, the peak was ", figures_.peak,
                   figures_.limit ? text(", the limit is ", figures_.limit) : std::string(), others));
  error.memory = figures_;
  error.requested = bytes;
  throw error;
}

void Allocator::countRequest(std::size_t bytes) {
  if (!isToFail()) return;
  std::lock_guard lock(mutex_);
  refuse(bytes, true);
}

std::unique_ptr<std::byte[]> Allocator::allocateHost(std::size_t bytes) {
  countRequest(bytes);
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[std::max<std::size_t>(bytes, 1)]);
  if (memory) return memory;
  std::lock_guard lock(mutex_);
  refuse(bytes, true);
}

void Allocator::release(Block block, bool isTensor) noexcept {
  if (!block.memory) return;
  std::lock_guard lock(mutex_);
  if (isTensor) {
    figures_.live -= block.bytes;
    figures_.tensors--;
  }
  auto& list = cacheOf(block.client).blocks[block.bytes];
  // What all may use is held by whoever uses it: the task that lets go of it is the last, and the next one may have it
  // at once.
  const bool isPast = block.client == 0 && queue_.isQueueThread();
  list.insert(isPast ? list.begin() : list.end(), {block.memory, isPast ? Ticket{0} : queue_.last()});
}

std::size_t Allocator::cachedBytes() const {
  std::size_t bytes = 0;
  for (const Cache& cache : caches_) {
    for (const auto& [size, list] : cache.blocks) bytes += size * list.size();
  }
  return bytes;
}

// Own tasks may also hold tensors: where cached memory is not enough, half a second shows whether they give some back.
bool Allocator::awaitMore(std::unique_lock<std::mutex>& lock, std::size_t size, std::uint64_t client,
                          Queue::Clock::time_point end) {
  if (figures_.limit != 0 && size > figures_.limit) return false;
  std::size_t cached = cachedBytes();
  bool isEnough = figures_.limit == 0 ? cached > 0 : figures_.reserved - cached + size <= figures_.limit;
  Ticket last = queue_.last();
  bool isOwnDone = client == 0 || queue_.isPast(client, last);
  if (isOwnDone && (!isEnough || Queue::Clock::now() >= end)) return false;
  std::uint64_t awaited = client;
  if (isOwnDone) {
    // The block that others are done with first.
    bool isAny = false;
    for (const Cache& cache : caches_) {
      for (const auto& [bytes, list] : cache.blocks) {
        if (list.empty() || (isAny && list.front().ticket >= last)) continue;
        last = list.front().ticket;
        awaited = cache.client;
        isAny = true;
      }
    }
    if (!isAny) return false;
  }
  lock.unlock();
  bool isDone = queue_.await(awaited, last, isOwnDone || !isEnough ? end : Queue::never);
  lock.lock();
  return isDone;
}

void Allocator::trim() {
  if (std::uint64_t client = callingClient()) queue_.await(client, queue_.last(), Queue::Clock::now() + patience);
  std::unique_lock lock(mutex_);
  freePast(lock);
}

// The blocks leave the cache first: nobody waits for the system meanwhile.
void Allocator::freePast(std::unique_lock<std::mutex>& lock) {
  std::vector<std::pair<std::size_t, void*>> past;
  for (Cache& cache : caches_) {
    for (auto& [size, list] : cache.blocks) {
      std::erase_if(list, [&](const Cached& each) {
        bool isPast = queue_.isPast(cache.client, each.ticket);
        if (isPast) past.emplace_back(size, each.memory);
        return isPast;
      });
    }
    std::erase_if(cache.blocks, [](const auto& entry) { return entry.second.empty(); });
  }
  std::erase_if(caches_, [](const Cache& cache) { return cache.blocks.empty(); });
  lock.unlock();
  std::size_t freed = 0;
  for (auto [size, memory] : past) {
    backend_.release(memory, size);
    freed += size;
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

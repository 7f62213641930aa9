// How long threads spin before they sleep, and when short work is done by one thread alone.
#include "thread_pool.hpp"

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "invalid.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cnn::cpu {

namespace {

constexpr int mostThreads = 255;  // the lowest byte of a ticket
// How long to spin. Waking a thread takes 50 µs and more, so the pauses between steps and between small programs are
// spun through, and the shares of large work may differ by a millisecond; but where a neighbour has taken a core, each
// microsecond of spinning keeps it from the thread that is waited for.
constexpr std::chrono::microseconds spinTime(2000), spinTimeCrowded(5);
// Who lets others wait for so long, and for longer than they worked, was put off its core. The machine then counts as
// crowded for a while, the longer the more often that happens, and never so long that a neighbour who has left is
// missed for more than some steps.
constexpr std::chrono::microseconds lateAfter(200), shortestCrowd(2000), longestCrowd(64000);
constexpr int crowdDecay = 32;  // the part of that time which each run on time takes back
// On a crowded machine short work is done alone: calling a thread that sleeps costs as much. Work counts as short where
// none was longer lately.
constexpr std::chrono::microseconds longRun(500);
constexpr int shortRunsBeforeAlone = 100;

thread_local ThreadPool* currentPool = nullptr;
thread_local ThreadPool::Membership ownMembership;

int defaultThreads() {
  const char* wanted = std::getenv("OMP_NUM_THREADS");
  if (int threads = wanted ? std::atoi(wanted) : 0; threads > 0) return threads;
#if defined(__linux__)
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

thread_local int ownLimit = 0;  // 0: the default

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // waits as long as _mm_pause does; yield is no more than a nop there
#endif
}

// Spins until `isDone`, for so long at most, then sleeps until the value changes. Who is `idle` lets others have the
// core meanwhile: between two programs the JavaScript thread wants one.
template <class F>
void await(std::atomic<std::uint32_t>& value, std::chrono::steady_clock::duration patience, bool isIdle, F isDone) {
  constexpr int between = 64;  // looks at the clock, which costs as much as some pauses
  auto end = std::chrono::steady_clock::time_point();
  for (int i = 0;; i++) {
    if (isDone(value.load(std::memory_order_acquire))) return;
    pause();
    if (i % between != between - 1) continue;
    auto now = std::chrono::steady_clock::now();
    if (i == between - 1) end = now + patience;
    if (now > end) break;
    if (isIdle && i >= 2 * between) std::this_thread::yield();
  }
  for (std::uint32_t now = value.load(std::memory_order_acquire); !isDone(now);
       now = value.load(std::memory_order_acquire))
    value.wait(now);
}

}  // namespace

int threadLimit() {
  static const int atFirst = defaultThreads();
  return ownLimit > 0 ? ownLimit : atFirst;
}
int setThreadLimit(int threads) { return std::exchange(ownLimit, threads); }
int withinLimit(int threads) { return ownLimit > 0 ? std::min(threads, ownLimit) : threads; }

ThreadPool* ThreadPool::current() { return currentPool; }
ThreadPool::Membership ThreadPool::membership() { return ownMembership; }
ThreadPool* ThreadPool::setCurrent(ThreadPool* pool) { return std::exchange(currentPool, pool); }

ThreadPool::~ThreadPool() { dismiss(); }

void ThreadPool::dismiss() {
  ticket_.store((ticket_.load() + 256) & ~0xffu);
  ticket_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  ticket_.store(1);
}

// All or none: work is shared out to as many as there should be.
void ThreadPool::start() {
  try {
    for (int member = 1; member < std::min(size_, mostThreads); member++)
      workers_.emplace_back([this, member] { loop(member); });
  } catch (...) {
    dismiss();
    throw;
  }
}

ThreadPool::Clock::duration ThreadPool::patience() const {
  return isCrowded_.load(std::memory_order_relaxed) ? spinTimeCrowded : spinTime;
}

void ThreadPool::call(int member, int members) {
  ThreadPool* before = setCurrent(nullptr);  // within the work, threads work alone
  ownMembership = {member, members, this};
  try {
    work_(context_, member, members);
  } catch (...) {
    if (!hasFailed_.test_and_set()) failure_ = std::current_exception();
  }
  ownMembership = {};
  setCurrent(before);
}

void ThreadPool::meet(int members) {
  std::uint32_t meeting = meetings_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(members)) {
    arrived_.store(0, std::memory_order_relaxed);
    meetings_.store(meeting + 1, std::memory_order_release);
    meetings_.notify_all();
    return;
  }
  await(meetings_, patience(), false, [&](std::uint32_t now) { return now != meeting; });
}

void ThreadPool::loop(int member) {
  // A first ticket may have been drawn before this thread came to look: it starts from the one that the pool began
  // with.
  for (std::uint32_t seen = 1;;) {
    await(ticket_, patience(), true, [&](std::uint32_t now) { return now != seen; });
    seen = ticket_.load(std::memory_order_acquire);
    auto members = static_cast<int>(seen & 0xff);
    if (members == 0) return;
    if (member >= members) continue;
    clearInvalid();
    call(member, members);
    if (isInvalidRaised()) wasInvalid_.store(true, std::memory_order_relaxed);
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining_.notify_one();
  }
}

void ThreadPool::runAll(int members, Needed needed, Work work, void* context) {
  members = std::min({members, size_, mostThreads});
  bool isCrowded = crowd_ > Clock::duration::zero() && Clock::now() < crowdedUntil_;
  isCrowded_.store(isCrowded, std::memory_order_relaxed);
  if (isCrowded && needed == Needed::any && shortRuns_ > shortRunsBeforeAlone) {
    wasAlone_ = true;
    members = 1;
  }
  if (members <= 1) return work(context, 0, 1);
  try {
    if (workers_.empty()) start();
  } catch (const std::system_error&) {  // no memory for threads: this one does it
    return work(context, 0, 1);
  }
  work_ = work;
  context_ = context;
  remaining_.store(static_cast<std::uint32_t>(members) - 1, std::memory_order_relaxed);
  std::uint32_t ticket =
      ((ticket_.load(std::memory_order_relaxed) + 256) & ~0xffu) | static_cast<std::uint32_t>(members);
  ticket_.store(ticket);
  ticket_.notify_all();
  auto start = Clock::now();
  call(0, members);
  auto own = Clock::now();
  await(remaining_, patience(), false, [](std::uint32_t left) { return left == 0; });
  auto end = Clock::now();
  if (wasInvalid_.load(std::memory_order_relaxed)) {
    wasInvalid_.store(false, std::memory_order_relaxed);
    raiseInvalid();
  }
  // Equal shares take equally long: who lets the others wait for twice that was put off its core.
  const bool isLate = end - own > std::max<Clock::duration>(lateAfter, own - start);
  if (std::exchange(wasAlone_, false)) {
    // says nothing: the others slept meanwhile, and may take long to wake
  } else if (isLate) {
    crowd_ = std::clamp<Clock::duration>(2 * crowd_, shortestCrowd, longestCrowd);
    crowdedUntil_ = end + crowd_;
  } else {
    crowd_ -= crowd_ / crowdDecay;
  }
  shortRuns_ = own - start > longRun ? 0 : shortRuns_ + 1;
  if (!failure_) return;
  hasFailed_.clear();
  std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace cnn::cpu

// Blocks: the loop over threads that parts at every wait, and the rules of barriers and warps.
#include "block.hpp"

#include <driver_types.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "../runtime/ledger.hpp"
#include "fiber.hpp"

namespace cudasim {

Lane lane;

namespace {

constexpr int warpSize = 32;
constexpr std::size_t sharedCapacity = 100 << 10;

enum class State { unstarted, running, atBarrier, inWarp, ended };

struct Thread {
  State state = State::unstarted;
  Fiber* fiber = nullptr;
  uint3 index{};
  unsigned mask = 0;
  Site site;
  unsigned long long value = 0;  // what it will show its warp
  unsigned long long shown = 0;  // what it showed when it was last released
  long release = 0;              // the number of that release
};

struct Block {
  const GridShape* shape = nullptr;
  void (*thread)(void* const*) = nullptr;
  void* const* arguments = nullptr;
  std::vector<Thread> threads;
  bool isReverse = false;
  int next = 0;         // how many threads have begun
  int current = 0;      // the one that runs
  long releases = 0;    // of warps
  std::string failure;  // what a thread found wrong; the scheduler says it, since no exception leaves a fiber
};

Block block;
alignas(256) unsigned char shared[sharedCapacity];

std::vector<std::unique_ptr<Fiber>>& fibers() {
  static auto& all = *new std::vector<std::unique_ptr<Fiber>>;
  return all;
}

// Threads take their turns from the first to the last, or, with CUDASIM_REVERSE=1, the other way round, as blocks do.
int placeOf(int turn) { return block.isReverse ? static_cast<int>(block.threads.size()) - 1 - turn : turn; }

int count() { return static_cast<int>(block.threads.size()); }

void enter(int number) {
  block.current = number;
  lane.threadIdx = block.threads[static_cast<std::size_t>(number)].index;
}

Thread& current() { return block.threads[static_cast<std::size_t>(block.current)]; }

// What every fiber does: threads, one after another. Where one waits, the next fiber goes on with those that are left.
void loop(void* self) {
  while (block.next < count()) {
    int number = placeOf(block.next++);
    enter(number);
    Thread& thread = current();
    thread.state = State::running;
    thread.fiber = static_cast<Fiber*>(self);
    block.thread(block.arguments);
    block.threads[static_cast<std::size_t>(number)].state = State::ended;
  }
}

// Gives way until the scheduler lets this thread go on.
void wait(State state, unsigned mask, const Site& site) {
  Thread& thread = current();
  int number = block.current;
  thread.state = state;
  thread.mask = mask;
  thread.site = site;
  thread.fiber->giveWay();
  enter(number);
  current().state = State::running;
}

std::string at(const Site& site) {
  std::string file = site.file_name();
  return text(file.substr(file.rfind('/') + 1), ":", site.line());
}

bool isSameSite(const Site& a, const Site& b) {
  return a.line() == b.line() && std::strcmp(a.file_name(), b.file_name()) == 0;
}

[[noreturn]] void diverged(const std::string& how) {
  refuse(cudaErrorLaunchFailure, "the threads of block (", lane.blockIdx.x, ", ", lane.blockIdx.y, ", ",
         lane.blockIdx.z, ") diverge: ", how);
}

// The same, from a thread: it never goes on.
[[noreturn]] void failHere(const std::string& how) {
  block.failure = how;
  for (;;) current().fiber->giveWay();
}

void resume(Fiber& fiber) {
  fiber.resume();
  if (!block.failure.empty()) diverged(std::exchange(block.failure, ""));
}

bool releaseBarrier() {
  const Thread* first = nullptr;
  int waiting = 0, ended = 0;
  for (const Thread& each : block.threads) {
    if (each.state == State::ended) ended++;
    if (each.state != State::atBarrier) continue;
    waiting++;
    if (!first) first = &each;
    if (!isSameSite(first->site, each.site)) {
      diverged(text("one waits at the barrier of ", at(first->site), ", another at that of ", at(each.site)));
    }
  }
  if (waiting == 0 || waiting + ended < count()) return false;
  if (ended > 0) diverged(text(waiting, " wait at the barrier of ", at(first->site), ", ", ended, " have ended"));
  for (Thread& each : block.threads) each.state = State::running;
  return true;
}

bool releaseWarps() {
  bool isAny = false;
  for (int begin = 0; begin < count(); begin += warpSize) {
    int end = std::min(begin + warpSize, count());
    for (int i = begin; i < end; i++) {
      Thread& thread = block.threads[static_cast<std::size_t>(i)];
      if (thread.state != State::inWarp) continue;
      bool isComplete = true;
      for (int k = begin; k < end; k++) {
        const Thread& other = block.threads[static_cast<std::size_t>(k)];
        if (!(thread.mask >> (k - begin) & 1) || other.state == State::ended) continue;
        isComplete = isComplete && other.state == State::inWarp && other.mask == thread.mask;
        if (isComplete && !isSameSite(thread.site, other.site)) {
          diverged(text("lanes of one mask meet at ", at(thread.site), " and at ", at(other.site)));
        }
      }
      if (!isComplete) continue;
      unsigned mask = thread.mask;
      block.releases++;
      for (int k = begin; k < end; k++) {
        Thread& other = block.threads[static_cast<std::size_t>(k)];
        if (!(mask >> (k - begin) & 1) || other.state != State::inWarp) continue;
        other.state = State::running;
        other.shown = other.value;
        other.release = block.releases;
      }
      isAny = true;
    }
  }
  return isAny;
}

std::string whoWaits() {
  int barrier = 0, warp = 0, ended = 0;
  std::string place;
  for (const Thread& each : block.threads) {
    barrier += each.state == State::atBarrier;
    warp += each.state == State::inWarp;
    ended += each.state == State::ended;
    if (each.state == State::inWarp) place = text(" of ", at(each.site), ", mask ", std::hex, each.mask);
  }
  return text(barrier, " wait at a barrier, ", warp, " at a warp's exchange", place, ", ", ended, " have ended");
}

void runBlock() {
  for (Thread& each : block.threads) each = {.index = each.index};
  block.next = 0;
  std::size_t used = 0;
  while (block.next < count()) {
    if (used == fibers().size()) fibers().push_back(std::make_unique<Fiber>());
    Fiber& fiber = *fibers()[used++];
    fiber.reset(loop, &fiber);
    resume(fiber);
  }
  for (;;) {
    bool isDone =
        std::all_of(block.threads.begin(), block.threads.end(), [](auto& each) { return each.state == State::ended; });
    if (isDone) return;
    bool isReleased = releaseWarps();
    if (!isReleased && !releaseBarrier()) diverged(whoWaits());
    for (int turn = 0; turn < count(); turn++) {
      Thread& each = block.threads[static_cast<std::size_t>(placeOf(turn))];
      if (each.state == State::running) resume(*each.fiber);
    }
  }
}

}  // namespace

void runGrid(const GridShape& shape, void (*thread)(void* const*), void* const* arguments) {
  block.isReverse = numberSetting("CUDASIM_REVERSE", 0) != 0;
  dim3 t = shape.threads, g = shape.blocks;
  block.shape = &shape;
  block.thread = thread;
  block.arguments = arguments;
  block.threads.assign(std::size_t{t.x} * t.y * t.z, {});
  for (unsigned i = 0; i < block.threads.size(); i++) block.threads[i].index = {i % t.x, i / t.x % t.y, i / t.x / t.y};
  lane.blockDim = t;
  lane.gridDim = g;
  auto blocks = std::size_t{g.x} * g.y * g.z;
  for (std::size_t b = 0; b < blocks; b++) {
    std::size_t number = block.isReverse ? blocks - 1 - b : b;
    lane.blockIdx = {static_cast<unsigned>(number % g.x), static_cast<unsigned>(number / g.x % g.y),
                     static_cast<unsigned>(number / g.x / g.y)};
    if (shape.sharedBytes) std::memset(shared, 0xFF, shape.sharedBytes);
    runBlock();
  }
}

void waitForBlock(const Site& site) { wait(State::atBarrier, 0, site); }

void waitForWarp(unsigned mask, const Site& site) {
  if (!(mask >> laneNumber() & 1)) failHere(text("lane ", laneNumber(), " is not in its own mask at ", at(site)));
  wait(State::inWarp, mask, site);
}

unsigned long long exchange(unsigned mask, unsigned long long value, int source, const Site& site) {
  current().value = value;
  waitForWarp(mask, site);
  int number = block.current / warpSize * warpSize + source;
  if (!(mask >> source & 1))
    failHere(text("lane ", laneNumber(), " reads lane ", source, ", which is not in the mask, at ", at(site)));
  // what a lane shows that took no part is undefined: NaN to whoever uses it
  if (number >= count()) return ~0ull;
  const Thread& other = block.threads[static_cast<std::size_t>(number)];
  return other.release == current().release ? other.shown : ~0ull;
}

int laneNumber() { return block.current % warpSize; }

unsigned activeLanes() {
  int first = block.current / warpSize * warpSize;
  unsigned lanes = 0;
  for (int i = first; i < std::min(first + warpSize, count()); i++) {
    if (block.threads[static_cast<std::size_t>(i)].state != State::ended) lanes |= 1u << (i - first);
  }
  return lanes;
}

void* dynamicShared() { return shared; }

}  // namespace cudasim

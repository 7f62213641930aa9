// ThreadPool: the threads that share the work of one queue, its own among them. Starting them and waiting for them
// costs well under a microsecond, where OpenMP's regions cost three: they spin before they sleep, but briefly where
// other processes want the cores.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace cnn::cpu {

class ThreadPool {
 public:
  /// `threads` counts the thread that calls `run`; the others start with the first work for them.
  explicit ThreadPool(int threads) : size_(threads) {}
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }
  /// Calls work(member, members) once for each of `members` threads (or fewer: `members` tells), at once; the calling
  /// thread is member 0. Returns when all are done, and throws what the first failure threw. Within `work` the calling
  /// thread works alone.
  template <class F>
  void run(int members, F& work) {
    runAs(members, Needed::any, work);
  }
  /// As `run`, for work that counts on all of its members being there at once.
  template <class F>
  void runTogether(int members, F& work) {
    runAs(members, Needed::all, work);
  }

  /// The calling thread's; null: it works alone.
  static ThreadPool* current();
  /// Makes it the calling thread's (null: none), and returns the one before.
  static ThreadPool* setCurrent(ThreadPool* pool);

  /// Which of how many threads of a `run` the calling one is; 0 of 1 outside.
  struct Membership {
    int member = 0, members = 1;
    ThreadPool* pool = nullptr;
  };
  static Membership membership();
  /// Within `run`: waits until all members are here.
  void meet(int members);

 private:
  using Work = void (*)(void* context, int member, int members);
  using Clock = std::chrono::steady_clock;

  enum class Needed { any, all };  // of the members

  template <class F>
  void runAs(int members, Needed needed, F& work) {
    runAll(
        members, needed, [](void* context, int member, int count) { (*static_cast<F*>(context))(member, count); },
        &work);
  }
  void runAll(int members, Needed needed, Work work, void* context);
  void start();
  void dismiss();
  void loop(int member);
  void call(int member, int members);
  Clock::duration patience() const;

  const int size_;
  std::vector<std::thread> workers_;
  Work work_ = nullptr;
  void* context_ = nullptr;
  std::exception_ptr failure_;
  std::atomic_flag hasFailed_;
  std::atomic<bool> wasInvalid_{false};  // a member's work, other than the caller's (see invalid.hpp)
  Clock::duration crowd_{0};             // how long the machine counts as crowded once a thread was put off its core
  Clock::time_point crowdedUntil_;
  int shortRuns_ = 0;  // since the last long one
  bool wasAlone_ = false;
  // The number of the work, and in the lowest byte how many threads it is for; 0 in that byte ends the workers.
  alignas(64) std::atomic<std::uint32_t> ticket_{1};
  std::atomic<bool> isCrowded_{false};
  alignas(64) std::atomic<std::uint32_t> remaining_{0};
  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  std::atomic<std::uint32_t> meetings_{0};
};

/// Threads that the calling thread's parallel work may get at most: at first OMP_NUM_THREADS, or the number of cores
/// that the process may use.
int threadLimit();
/// Returns what was set before; 0: the default.
int setThreadLimit(int threads);
/// So many threads, or fewer where a limit was set.
int withinLimit(int threads);

}  // namespace cnn::cpu

// Loops over many elements on several threads, and only where the work pays for waking them.
#pragma once

#include <algorithm>

#include "base/dims.hpp"
#include "thread_pool.hpp"

namespace cnn::cpu {

/// Elements of light work that one thread does alone: sharing costs about a microsecond, and more beside a busy
/// neighbour.
inline constexpr Index grainElements = 16384;

/// Threads that this thread's parallel work gets: those of its pool, or fewer within a ThreadScope.
inline int availableThreads() {
  ThreadPool* pool = ThreadPool::current();
  return pool ? std::min(pool->size(), threadLimit()) : 1;
}

/// Calls f(from, to) or f(from, to, member) on pieces of [0, count); `grain` is how many one thread should at least
/// have.
template <class F>
void parallelFor(Index count, Index grain, F&& f) {
  if (count <= 0) return;
  auto call = [&](Index from, Index to, int member) {
    if constexpr (requires { f(from, to, member); }) {
      f(from, to, member);
    } else {
      f(from, to);
    }
  };
  Index threads = count / std::max<Index>(grain, 1);
  if (threads > 1) threads = std::min<Index>(availableThreads(), threads);
  if (threads <= 1) return call(0, count, 0);
  auto share = [&](int member, int members) {
    // Pieces start at multiples of 16, so that no two threads write one cache line of floats.
    Index piece = (count + members - 1) / members;
    if (count >= Index{64} * members) piece = (piece + 15) / 16 * 16;
    Index from = std::min(member * piece, count), to = std::min(from + piece, count);
    if (from < to) call(from, to, member);
  };
  ThreadPool::current()->run(static_cast<int>(threads), share);
}

/// As parallelFor, over `rows` of `rowElements` light elements each.
template <class F>
void parallelRows(Index rows, Index rowElements, F&& f) {
  parallelFor(rows, std::max<Index>(1, grainElements / std::max<Index>(rowElements, 1)), f);
}

/// Sets how many threads this thread's parallel work gets, oneDNN's included, for a scope.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(setThreadLimit(threads)) {}
  ~ThreadScope() { setThreadLimit(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace cnn::cpu

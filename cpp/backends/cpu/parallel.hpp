// Loops over many elements on several threads, and only where the work pays for waking them.
#pragma once

#include <omp.h>

#include <algorithm>

#include "base/dims.hpp"

namespace cnn::cpu {

/// Elements of light work that one thread does alone: a parallel region costs some microseconds, and far more beside a busy neighbour.
inline constexpr Index grainElements = 32768;

/// Calls f(from, to) on pieces of [0, count); `grain` is how many one thread should at least have.
template <class F>
void parallelFor(Index count, Index grain, F&& f) {
  if (count <= 0) return;
  Index threads = std::min<Index>(omp_get_max_threads(), count / std::max<Index>(grain, 1));
  if (threads <= 1) return f(Index{0}, count);
#pragma omp parallel num_threads(static_cast<int>(threads))
  {
    Index team = omp_get_num_threads(), me = omp_get_thread_num();
    // Pieces start at multiples of 16, so that no two threads write one cache line of floats.
    Index piece = (count + team - 1) / team;
    if (count >= 64 * team) piece = (piece + 15) / 16 * 16;
    Index from = std::min(me * piece, count), to = std::min(from + piece, count);
    if (from < to) f(from, to);
  }
}

/// As parallelFor, over `rows` of `rowElements` light elements each.
template <class F>
void parallelRows(Index rows, Index rowElements, F&& f) {
  parallelFor(rows, std::max<Index>(1, grainElements / std::max<Index>(rowElements, 1)), f);
}

/// Sets how many threads this thread's parallel regions get, for a scope.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) {
    if (threads != before_) omp_set_num_threads(threads);
  }
  ~ThreadScope() { omp_set_num_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace cnn::cpu

// The calls of an OpenMP runtime that oneDNN makes, answered by the calling thread's pool: its primitives then run on
// the threads that all other kernels run on. This library comes before libgomp where the linker looks names up for a
// library that this one needs.
#include <algorithm>
#include <optional>

#include "thread_pool.hpp"

namespace {

using cnn::cpu::ThreadPool;

// As OpenMP has it, nothing may leave a parallel region by an exception.
void runOn(ThreadPool& pool, void (*work)(void*), void* data, int threads) noexcept {
  auto each = [&](int, int) { work(data); };
  pool.runTogether(threads, each);
}

}  // namespace

#define ANSWER extern "C" __attribute__((visibility("default")))

ANSWER int omp_get_max_threads() { return cnn::cpu::threadLimit(); }
ANSWER int omp_get_thread_num() { return ThreadPool::membership().member; }
ANSWER int omp_get_num_threads() { return ThreadPool::membership().members; }
ANSWER int omp_in_parallel() { return ThreadPool::membership().members > 1; }

ANSWER void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned /*flags*/) {
  int members = threads > 0 ? static_cast<int>(threads) : cnn::cpu::threadLimit();
  if (members <= 1 || omp_in_parallel()) return work(data);
  // oneDNN counts on as many threads as it asked for.
  std::optional<ThreadPool> lent;
  ThreadPool* pool = ThreadPool::current();
  if (!pool || pool->size() < members) pool = &lent.emplace(members);
  runOn(*pool, work, data, members);
}

ANSWER void GOMP_barrier() {
  auto [member, members, pool] = ThreadPool::membership();
  if (members > 1) pool->meet(members);
}

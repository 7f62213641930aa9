// The calls of an OpenMP runtime that oneDNN makes, answered by the calling thread's crew: its primitives then run on the threads that all other kernels
// run on. This library comes before libgomp where the linker looks names up for a library that this one needs.
#include <algorithm>
#include <optional>

#include "crew.hpp"

namespace {

using cnn::cpu::Crew;

// As OpenMP has it, nothing may leave a parallel region by an exception.
void runOn(Crew& crew, void (*work)(void*), void* data, int threads) noexcept {
  auto each = [&](int, int) { work(data); };
  crew.runTogether(threads, each);
}

}  // namespace

#define ANSWER extern "C" __attribute__((visibility("default")))

ANSWER int omp_get_max_threads() { return cnn::cpu::threadLimit(); }
ANSWER int omp_get_thread_num() { return Crew::membership().member; }
ANSWER int omp_get_num_threads() { return Crew::membership().members; }
ANSWER int omp_in_parallel() { return Crew::membership().members > 1; }

ANSWER void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned /*flags*/) {
  int members = threads > 0 ? static_cast<int>(threads) : cnn::cpu::threadLimit();
  if (members <= 1 || omp_in_parallel()) return work(data);
  // oneDNN counts on as many threads as it asked for.
  std::optional<Crew> lent;
  Crew* crew = Crew::current();
  if (!crew || crew->size() < members) crew = &lent.emplace(members);
  runOn(*crew, work, data, members);
}

ANSWER void GOMP_barrier() {
  auto [member, members, crew] = Crew::membership();
  if (members > 1) crew->meet(members);
}

// Poison: which memory of a device depends on an op that failed. What would read such memory does not run, and what it
// would have made is poisoned in turn. What it would have overwritten keeps its values: a parameter or a running
// statistic can be used at once, as if the failed op had thrown where it was called; the target of a copy counts as
// poisoned until the user's program has got the error, and is as it was for all that is called then.
#pragma once

#include <span>
#include <unordered_map>
#include <unordered_set>

#include "failure.hpp"

namespace cnn {

/// The memory that a task touches, each block by its first byte.
struct Touched {
  std::span<void* const> reads;
  std::span<void* const> makes;       // whole: poisoned where the task does not run, clean where it does
  std::span<void* const> overwrites;  // keeps its values where the task does not run
  bool isCopy = false;                // what it overwrites is what it makes, but for an error
  bool failsByValue = false;          // what it makes depends on values that it may refuse
  std::uint64_t call = 0;             // by Failures::now()
};

/// By address: a block that is freed serves later tasks alone, and the first of them makes it anew. All but `isClean`
/// is for the queue's thread.
class Poison {
 public:
  /// `findsLate`: kernels of this device report what is wrong with their values when the host next waits for them,
  /// instead of throwing.
  explicit Poison(bool findsLate) : findsLate_(findsLate) {}

  /// Whether nothing is poisoned: a task then costs no more than this question.
  bool isClean() const { return count_.load(std::memory_order_relaxed) == 0; }
  /// What a block depends on, for that call; null where it is as it should be.
  FailurePtr of(const void* memory, std::uint64_t call) const;
  void put(std::span<void* const> memory, const FailurePtr& failure);

  /// Runs `body`, unless a block that it reads is poisoned; a failure of its own is recorded. Gives what kept it from
  /// its end.
  template <class Body>
  FailurePtr run(Failures& failures, const Touched& touched, Body&& body) {
    if (!isClean()) {
      if (FailurePtr failure = admit(touched)) return failure;
    }
    try {
      body();
    } catch (const std::exception& exception) { return fail(failures, touched, exception); }
    if (findsLate_) suspect(touched);
    return nullptr;
  }

  /// The host has waited for the device: what was made so far is right.
  void acquit() { suspects_.clear(); }
  /// The host has waited, for a copy of `memory` if there is any, and found that an op had failed: what may depend on
  /// it is poisoned. Gives what the memory depends on.
  FailurePtr convict(Failures& failures, const std::exception& exception, std::span<void* const> memory,
                     std::uint64_t call);

 private:
  /// Poisons what a task would make of poisoned memory, and gives the reason; else what the task makes is clean from
  /// now on.
  FailurePtr admit(const Touched& touched);
  FailurePtr fail(Failures& failures, const Touched& touched, const std::exception& exception);
  void suspect(const Touched& touched);

  struct Entry {
    FailurePtr failure;
    bool isKept = false;  // the block still holds the values of before
  };
  std::unordered_map<const void*, Entry> failures_;
  std::atomic<std::size_t> count_{0};
  bool findsLate_;
  std::unordered_set<void*>
      suspects_;  // what depends on values that a kernel may have refused, since the host last waited
};

}  // namespace cnn

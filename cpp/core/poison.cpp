// Poison spreads with the data, in queue order.
#include "poison.hpp"

#include <algorithm>
#include <vector>

namespace cnn {

FailurePtr Poison::of(const void* memory, std::uint64_t call) const {
  auto found = failures_.find(memory);
  if (found == failures_.end() || (found->second.isKept && found->second.failure->isKnownTo(call))) return nullptr;
  return found->second.failure;
}

void Poison::put(std::span<void* const> memory, const FailurePtr& failure) {
  for (void* block : memory) {
    if (block) failures_.insert_or_assign(block, Entry{failure});
  }
  count_.store(failures_.size(), std::memory_order_relaxed);
}

FailurePtr Poison::admit(const Touched& touched) {
  for (void* block : touched.reads) {
    FailurePtr failure = of(block, touched.call);
    if (!failure) continue;
    put(touched.makes, failure);
    if (touched.isCopy) {
      for (void* target : touched.overwrites) {
        auto [entry, isNew] = failures_.try_emplace(target, Entry{failure, true});
        if (!isNew && entry->second.isKept) entry->second.failure = failure;
      }
      count_.store(failures_.size(), std::memory_order_relaxed);
    }
    return failure;
  }
  for (auto list : {touched.makes, touched.overwrites}) {
    for (void* block : list) failures_.erase(block);
  }
  count_.store(failures_.size(), std::memory_order_relaxed);
  return nullptr;
}

FailurePtr Poison::fail(Failures& failures, const Touched& touched, const std::exception& exception) {
  FailurePtr failure = failures.record(exception);
  put(touched.makes, failure);
  return failure;
}

void Poison::suspect(const Touched& touched) {
  bool isSuspect = touched.failsByValue;
  if (!isSuspect && suspects_.empty()) return;
  isSuspect = isSuspect || std::any_of(touched.reads.begin(), touched.reads.end(),
                                       [&](void* block) { return suspects_.contains(block); });
  for (auto list : {touched.makes, touched.overwrites}) {
    for (void* block : list) {
      if (!block) continue;
      if (isSuspect) {
        suspects_.insert(block);
      } else {
        suspects_.erase(block);
      }
    }
  }
}

FailurePtr Poison::convict(Failures& failures, const std::exception& exception, std::span<void* const> memory,
                           std::uint64_t call) {
  FailurePtr failure = failures.record(exception);
  std::vector<void*> blocks(suspects_.begin(), suspects_.end());
  suspects_.clear();
  put(blocks, failure);
  const bool isOfValues =
      findsLate_ && failure->error.kind == ErrorKind::value;  // a kernel's report: the copy itself went well
  if (!isOfValues) put(memory, failure);
  return memory.empty() ? failure : of(memory[0], call);
}

}  // namespace cnn

// Constants: what programs compute of weights once, ahead of all runs (packed, folded, transformed), in memory once for
// all programs that want the same.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "launch.hpp"

namespace cnn::graph {

/// The memory that a constant was computed from, and how often that had been overwritten. Storage 0: nothing that
/// constants read.
struct Source {
  std::uint64_t storage = 0, version = 0;
  friend bool operator==(const Source&, const Source&) = default;
};
using Sources = std::vector<Source>;  // one a captured tensor

/// The constants of one environment, found by what they are computed from: its memory, the ops, the layouts. Programs
/// hold them, the last one frees them.
class ConstantCache {
 public:
  /// 128 bits of hash; equal for what is computed alike of the same memory.
  using Key = std::array<std::uint64_t, 2>;
  /// Runs on one queue change it, one after another.
  struct Constant {
    Constant(Allocator& allocator, std::size_t bytes) : memory(allocator, bytes, Users::all, true) {}
    Lease memory;
    std::uint64_t stamp = 0;  // of the versions that it was computed from; 0: it was not
  };

  std::shared_ptr<Constant> find(const Key& key, Allocator& allocator, std::size_t bytes);

 private:
  std::mutex mutex_;  // an environment has several queues
  std::map<Key, std::weak_ptr<Constant>> constants_;
  std::size_t sweepAt_ = 64;  // entries at which those that are gone are looked for
};

/// The constants of one plan. On the queue's thread.
class Constants {
 public:
  Constants(std::shared_ptr<ConstantCache> cache, Device& device, std::shared_ptr<const Plan> plan)
      : cache_(std::move(cache)), device_(device), plan_(std::move(plan)), held_(plan_->constantBytes.size()) {}

  /// Sets the launch's constants, computed again where somebody has overwritten what they were computed from. `launch`
  /// has its captured tensors.
  void bind(Launch& launch, const std::shared_ptr<const Sources>& sources);

 private:
  struct Made {
    ConstantCache::Key key;
    std::uint64_t stamp = 0;
  };
  std::vector<Made> describe(const Sources& sources) const;
  void compute(const Launch& launch, const std::vector<Made>& made);

  std::shared_ptr<ConstantCache> cache_;
  Device& device_;
  std::shared_ptr<const Plan> plan_;
  std::vector<std::shared_ptr<ConstantCache::Constant>> held_;  // null for those that only other constants read
  std::shared_ptr<const Sources> sources_;                      // of what is held
};

}  // namespace cnn::graph

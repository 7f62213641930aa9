// Preparation: passes and a plan under way. They take tens of milliseconds for a large network, so the queue's thread
// does them ahead of a first run.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>

#include "batch.hpp"
#include "constants.hpp"

namespace cnn::graph {

/// A recorded graph, and what all passes make of it, once somebody wants to know.
class Optimised {
 public:
  explicit Optimised(Device& device, Graph recorded) : recorded(std::move(recorded)), device_(device) {}
  const Graph recorded;
  /// After all passes. From any thread.
  const Graph& graph();
  /// After the first `passes` of them.
  Graph after(std::size_t passes) const;

 private:
  Device& device_;
  std::mutex mutex_;
  std::optional<Graph> graph_;
};

/// How tensors lie when a program is called, and what is wanted of its plan.
struct Given {
  Descs inputs, captured;
  std::vector<bool> mayMove;  // captured tensors that may lie otherwise from now on
  Tolerance tolerance = Tolerance::tight;
  Index microBatch = 0;
};

class Preparation {
 public:
  Preparation(Device& device, std::shared_ptr<Optimised> program, std::shared_ptr<ConstantCache> cache, Given given)
      : device_(device), program_(std::move(program)), cache_(std::move(cache)), given_(std::move(given)) {}

  /// The plan for how things lie, made by who asks first. Throws what planning throws. On the queue's thread it also
  /// times kernels that want it, so that the plan has the fastest.
  std::shared_ptr<const Plan> plan();
  /// Whether `plan` has come to an end on the queue's thread. Then the rest may be looked at.
  bool isDone() const { return isDone_.load(std::memory_order_acquire); }
  bool hasFailed() const { return failure_ != nullptr; }
  /// Each tensor moves once: its first reader, the forward pass, decides.
  const std::vector<PreferredLayout>& moves() const { return moves_; }
  /// For how things lie after all moves.
  const std::shared_ptr<const Plan>& next() const { return next_; }
  /// Those of the plan.
  const std::shared_ptr<Constants>& constants() const { return constants_; }
  const Given& given() const { return given_; }

 private:
  std::shared_ptr<const Plan> make(const Descs& captured);
  void makeAll();

  Device& device_;
  std::shared_ptr<Optimised> program_;
  std::shared_ptr<ConstantCache> cache_;
  const Given given_;
  std::mutex mutex_;
  bool isTuned_ = false;  // or there is nothing to time
  std::shared_ptr<const Plan> plan_, next_;
  std::shared_ptr<Constants> constants_;
  std::vector<PreferredLayout> moves_;
  std::exception_ptr failure_;  // on the queue's thread
  std::atomic<bool> isDone_{false};
};

}  // namespace cnn::graph

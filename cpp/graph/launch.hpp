// One run of a plan: the pointers that its references stand for this time, and ops with the fields of this very run.
#pragma once

#include <functional>

#include "plan.hpp"

namespace cnn::graph {

/// What one step took in a profiled run.
struct StepProfile {
  std::string name, detail;
  double seconds = 0, multiplyAdds = 0, bytes = 0;
};

struct Launch {
  std::shared_ptr<const Plan> plan;
  std::vector<void*> inputs, captured, constants, results;
  std::byte* arena = nullptr;
  /// Steps, in order, whose ops have fields of this very run (a learning rate, a random counter), and those ops.
  std::vector<std::pair<std::size_t, Op>> bound;

  void* pointer(const Reference& reference) const;
  /// The op of step `s` in this run.
  const Op& opOf(const std::vector<Step>& steps, std::size_t s) const;
  /// On the queue's thread. Throws what a kernel throws, with the op's name.
  void run(const std::vector<Step>& steps, std::size_t from, std::size_t to) const;
  void run(const std::vector<Step>& steps) const { run(steps, 0, steps.size()); }
  /// The steps of the plan, which has run then.
  void runAll() const;
  /// As `run`, with the time of each step, for whose end it waits.
  std::vector<StepProfile> profile(const std::vector<Step>& steps, Backend& backend) const;
};

}  // namespace cnn::graph

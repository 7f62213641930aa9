// Passes with a device's kernels, plans, and the layouts to which parameters move.
#include "preparation.hpp"

#include "core/client.hpp"
#include "core/half.hpp"
#include "passes/passes.hpp"

namespace cnn::graph {

namespace {

// With a kernel of the fused op. In half types also without, where the backend computes the part in float32 between two
// conversions: then it does so with the fused op, which has conversions and a rounding for one op instead of two or
// three.
bool takes(Backend& backend, const Call& fused, const Call& part) {
  if (!backend.fuses(fused.op)) return false;
  const Signature signature{fused.inputs, fused.outputs};
  if (backend.prepare(fused.op, signature).kernel) return true;
  if (!involvesHalf(signature) || backend.prepare(part.op, Signature{part.inputs, part.outputs}).kernel) return false;
  return prepareWidened(backend, fused.op, signature).kernel != nullptr;
}

std::vector<KernelPtr> kernelsToTime(const Plan& plan) {
  std::vector<KernelPtr> kernels;
  for (const auto* steps : {&plan.constants, &plan.steps}) {
    for (const Step& step : *steps) {
      if (step.kernel->tune) kernels.push_back(step.kernel);
    }
  }
  return kernels;
}

}  // namespace

Graph Optimised::after(std::size_t count) const {
  Backend& backend = device_.backend();
  Target target{[&backend](const Call& fused, const Call& part) { return takes(backend, fused, part); }};
  Graph graph = recorded;
  for (const NamedPass& pass : passes().first(count)) graph = pass.run(graph, target);
  return graph;
}

const Graph& Optimised::graph() {
  std::lock_guard lock(mutex_);
  if (!graph_) graph_ = after(passes().size());
  return *graph_;
}

std::shared_ptr<const Plan> Preparation::make(const Descs& captured) {
  const bool mayTime = device_.queue().isQueueThread();
  constexpr int mostRounds = 8;  // what was found may want other layouts, whose kernels are then timed
  for (int round = 0;; round++) {
    auto plan = std::make_shared<const Plan>(
        makePlanInParts(device_, program_->graph(), given_.inputs, captured, given_.tolerance, given_.microBatch));
    std::vector<KernelPtr> kernels = kernelsToTime(*plan);
    isTuned_ = kernels.empty();
    if (kernels.empty() || !mayTime) return plan;
    isTuned_ = round == mostRounds;
    if (isTuned_) return plan;
    for (const KernelPtr& kernel : kernels) {
      Client::checkStays();
      kernel->tune();
    }
  }
}

std::shared_ptr<const Plan> Preparation::plan() {
  std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  const bool isOnQueue = device_.queue().isQueueThread();
  if (!plan_ || (isOnQueue && !isTuned_)) {
    try {
      makeAll();
    } catch (...) {
      if (!isOnQueue) throw;
      failure_ = std::current_exception();
    }
  }
  if (isTuned_ || failure_) isDone_.store(true, std::memory_order_release);
  if (failure_) std::rethrow_exception(failure_);
  return plan_;
}

void Preparation::makeAll() {
  moves_.clear();
  Descs captured = given_.captured;
  auto first = make(captured), next = first;
  std::vector<bool> mayMove = given_.mayMove;
  for (bool hasMoved = true; hasMoved;) {
    hasMoved = false;
    for (const auto& [i, layout] : next->preferredLayouts) {
      auto at = static_cast<std::size_t>(i);
      TensorDesc preferred = captured[at];
      preferred.layout = layout;
      if (!mayMove[at] || device_.backend().bytes(preferred) != preferred.plainBytes()) continue;
      mayMove[at] = false;
      captured[at] = preferred;
      moves_.push_back({i, layout});
      hasMoved = true;
    }
    if (hasMoved) next = make(captured);
  }
  plan_ = std::move(first);
  next_ = std::move(next);
  constants_ = std::make_shared<Constants>(cache_, device_, plan_);
}

}  // namespace cnn::graph

// Program: a recorded function that runs in one call: passes, plan, and what ties it to the tensors that were there before.
#pragma once

#include <atomic>
#include <optional>

#include "passes/passes.hpp"
#include "replay.hpp"

namespace cnn::graph {

struct ProgramFigures {
  std::size_t recordedNodes = 0, nodes = 0, steps = 0, reorders = 0, constantSteps = 0;
  std::size_t arenaBytes = 0, constantBytes = 0, resultBytes = 0;
  Index samplesAtOnce = 0;  // 0: the whole batch
};

class Program {
 public:
  /// `samplesAtOnce`: how many samples of a batch go through the program together, where that makes no difference to them; 0: as many as a cache holds.
  explicit Program(Recording recording, Effort effort = Effort::compiled, Index samplesAtOnce = 0);
  ~Program();

  /// Whether all that the recording took for granted still holds; false: record again.
  bool holds(std::span<const Tensor> inputs) const;
  /// Enqueues a run and returns what the function returned at once. `dynamics`: the provided fields, in the order of the providers.
  Tensors run(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics);
  using Profiled = std::function<void(std::vector<StepProfile>, const FailurePtr&)>;
  /// As `run`, and calls `done` on the queue's thread with the time of every step, or with the failure.
  Tensors profile(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics, Profiled done);

  Device& device() const { return *recording_.device; }
  std::size_t providedFields() const { return providedFields_; }
  std::string text() const { return toString(graph_); }
  /// Before any pass (0), after the first pass (1), …
  std::string textAfter(std::size_t passes) const;
  ProgramFigures figures() const;

 private:
  /// What stays in place so that a device can repeat its recording.
  struct Resident {
    Resident(Backend& backend, std::shared_ptr<const Plan> plan) : plan(std::move(plan)), replay(backend) {}
    std::shared_ptr<const Plan> plan;
    std::vector<std::unique_ptr<Lease>> inputs, results;  // no tensors: the queue must not be the last to hold its device
    std::shared_ptr<Lease> arena;
    Replay replay;  // goes first
  };
  /// The blocks that a run touches, those that it reads first.
  struct Memory {
    std::vector<void*> blocks;
    std::size_t readCount = 0, madeCount = 0;  // what is left is overwritten
    bool failsByValue = false;
    std::uint64_t call = 0;
    Touched touched() const;
  };
  void enqueueReplay(Session& session, Launch launch, const Tensors& given, const Tensors& results, Memory memory);
  void retire();
  bool startTuning(Session& session);
  void prepare(Session& session, std::span<const Tensor> inputs);
  void computeConstants(Session& session);
  Tensor external(std::size_t i) const;
  void findRisks();
  Tensors launch(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics,
                 Profiled done);
  Memory memoryOf(Session& session, const Tensors& given, const Tensors& results) const;

  Recording recording_;
  Effort effort_;
  Index samplesAtOnce_;
  Graph graph_;  // after all passes
  std::size_t providedFields_ = 0;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<std::atomic<bool>> isTuned_;  // while kernels of the plan are being timed
  std::vector<bool> isMutated_, hasMoved_;  // externals
  std::vector<bool> isAtRisk_;  // externals that are overwritten with what depends on an op that its values can make fail
  std::vector<Dims> shapes_;     // in which the externals were first used
  std::vector<Tensor> constants_;
  std::shared_ptr<std::atomic<bool>> constantsFailed_;  // on the queue's thread
  std::uint64_t constantsVersion_ = 0;  // of the externals when the constants were computed
  bool hasConstants_ = false;
  bool overwritesInputs_ = false, failsByValue_ = false;
  int runs_ = 0;
  std::shared_ptr<Resident> resident_;
};

}  // namespace cnn::graph

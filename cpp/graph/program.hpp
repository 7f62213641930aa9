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
  /// As `run`, and calls `done` on the queue's thread with the time of every step.
  Tensors profile(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics,
                  std::function<void(std::vector<StepProfile>)> done);

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
  void enqueueReplay(Session& session, Launch launch, const Tensors& given, const Tensors& results);
  void retire();
  bool startTuning();
  void prepare(Session& session, std::span<const Tensor> inputs);
  void computeConstants(Session& session);
  std::shared_ptr<TensorImpl> find(const Name& name, std::span<const Tensor> inputs) const;
  /// An external as it is now; null where it has gone.
  std::shared_ptr<TensorImpl> find(std::size_t i, std::span<const Tensor> inputs) const;
  bool isNameRight(const Name& name, const Storage& storage, std::span<const Tensor> inputs) const;
  bool areApart(std::span<const Tensor> inputs, std::span<const Storage* const> externals) const;
  /// An external of the run that is being queued.
  const Tensor& external(std::size_t i) const { return externals_[i]; }
  Tensors launch(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics,
                 std::function<void(std::vector<StepProfile>)> done);

  Recording recording_;
  Effort effort_;
  Index samplesAtOnce_;
  Graph graph_;  // after all passes
  std::size_t providedFields_ = 0;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<std::atomic<bool>> isTuned_;  // while kernels of the plan are being timed
  Tensors externals_;                       // while a run is being queued
  std::vector<bool> isMutated_, hasMoved_;  // externals
  std::vector<Dims> shapes_;     // in which the externals were first used
  std::vector<Tensor> constants_;
  std::uint64_t constantsVersion_ = 0;  // of the externals when the constants were computed
  bool hasConstants_ = false;
  bool overwritesInputs_ = false;
  int runs_ = 0;
  std::shared_ptr<Resident> resident_;
};

}  // namespace cnn::graph

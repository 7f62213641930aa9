// Program: a recorded function that runs in one call: passes, plan, and what ties it to the tensors that were there
// before.
#pragma once

#include <optional>

#include "constants.hpp"
#include "preparation.hpp"
#include "recording.hpp"
#include "replay.hpp"

namespace cnn::graph {

struct ProgramFigures {
  std::size_t recordedNodes = 0, nodes = 0, steps = 0, reorders = 0, constantSteps = 0;
  std::size_t arenaBytes = 0, constantBytes = 0, resultBytes = 0;
  Index microBatch = 0;  // 0: the whole batch
};

using Profiled = std::function<void(std::vector<StepProfile>, const FailurePtr&)>;

class Program {
 public:
  /// `microBatch`: how many samples of a batch go through the program together, where that makes no difference to them;
  /// 0: as many as a cache holds.
  explicit Program(Recording recording, std::shared_ptr<ConstantCache> constants,
                   Tolerance tolerance = Tolerance::tight, Index microBatch = 0);
  ~Program();

  /// Whether all that the recording took for granted still holds; false: record again.
  bool holds(std::span<const Tensor> inputs) const {
    return graph::holds(recording_, program_->recorded, overwritten_, inputs);
  }
  /// Enqueues a run and returns what the function returned at once. `dynamics`: the provided fields, in the order of
  /// the providers.
  Tensors run(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics);
  /// As `run`, and calls `done` on the queue's thread with the time of every step, or with the failure.
  Tensors profile(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics, Profiled done);

  /// Has the queue make the plan; `done` is called there with what failed, null if nothing did.
  void prepareAhead(Session& session, std::span<const Tensor> inputs, std::function<void(const FailurePtr&)> done);

  Device& device() const { return *recording_.device; }
  std::string text() const { return toString(program_->graph()); }
  /// Before any pass (0), after the first pass (1), …
  std::string textAfter(std::size_t passes) const;
  ProgramFigures figures() const;

 private:
  /// What stays in place so that a device can repeat its recording.
  struct Resident {
    Resident(Backend& backend, std::shared_ptr<const Plan> plan) : plan(std::move(plan)), replay(backend) {}
    std::shared_ptr<const Plan> plan;
    std::vector<std::unique_ptr<Lease>> inputs,
        results;  // no tensors: the queue must not be the last to hold its device
    std::shared_ptr<Lease> arena;
    Replay replay;  // goes first
  };
  /// What a result is: an argument or a captured tensor, perhaps in another shape, or the number of a value that is
  /// made here.
  struct Result {
    Value::Origin origin = Value::Origin::node;
    int index = 0;
    TensorDesc desc;  // plain
    bool isReshaped = false;
  };
  /// Fields of one run: what providers gave, and random counters that go on from where the session stands.
  struct Fields {
    std::vector<std::size_t> starts;  // of each provider's, in `dynamics`
    std::vector<double> dynamics;
    Index seed = 0, shift = 0;
    /// The steps that have such fields, and their ops with them.
    std::vector<std::pair<std::size_t, Op>> of(const Plan& plan) const;
  };
  /// The blocks that a run touches, those that it reads first.
  struct Memory {
    std::vector<void*> blocks;
    std::size_t readCount = 0, madeCount = 0;  // what is left is overwritten
    bool failsByValue = false;
    std::uint64_t call = 0;
    Touched touched() const;
  };
  Memory memoryOf(Session& session, const Tensors& given, std::span<void* const> made) const;
  void findRisks(const Graph& graph);
  static void runFirst(Device& device, Launch& launch, const Fields& fields, Preparation& preparation,
                       const std::shared_ptr<const Sources>& sources, std::span<void* const> targets,
                       std::vector<StepProfile>* profile);
  Tensors enqueue(Session& session, Launch launch, const Tensors& given, const Fields& fields, Profiled done);
  Tensors enqueueFirst(Session& session, Launch launch, const Tensors& given, Fields fields, Profiled done);
  void enqueueReplay(Session& session, Launch launch, const Tensors& given, const Tensors& results);
  void retire();
  void adopt(Session& session);
  bool hasPlan() const;
  void prepare(Session& session, std::span<const Tensor> inputs);
  void noteSources();
  /// While it is there, the captured tensors are, for a call that queues work.
  struct Forget {
    void operator()(Tensors* captured) const { captured->clear(); }
  };
  using Present = std::unique_ptr<Tensors, Forget>;
  Present gather(std::span<const Tensor> inputs);
  /// A captured tensor of the call that is queueing work.
  const Tensor& captured(std::size_t i) const { return captured_[i]; }
  Tensors launch(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics, Profiled done);

  Recording recording_;
  Tolerance tolerance_;
  Index microBatch_;
  std::shared_ptr<Optimised> program_;
  Overwritten overwritten_;
  std::vector<Result> results_;
  std::size_t providedFields_ = 0;
  std::vector<std::size_t> providerStarts_;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Preparation> preparation_;         // of a plan for how things lie now, where there is none
  Tensors captured_;                                 // while a call queues work
  std::vector<bool> hasMoved_;                       // captured tensors
  std::vector<Dims> shapes_;                         // in which captured tensors were first used
  std::optional<std::vector<Layout>> inputLayouts_;  // as at the first call
  std::shared_ptr<ConstantCache> cache_;
  std::shared_ptr<Constants> constants_;  // of the plan
  std::shared_ptr<const Sources> sources_;
  std::vector<bool> isAtRisk_;  // captured tensors that a late failure may have spoilt
  bool failsByValue_ = false;
  int runs_ = 0;  // of the plan
  std::shared_ptr<Resident> resident_;
};

}  // namespace cnn::graph

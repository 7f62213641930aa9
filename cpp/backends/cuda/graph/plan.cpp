// The search for an engine, and the run.
#include "plan.hpp"

#include <algorithm>
#include <numeric>

#include "autotune.hpp"
#include "backends/cuda/fatal.hpp"

namespace cnn::cuda::graph {

namespace {

// Each takes a second, and what the compiler refuses once it tends to refuse in every configuration.
constexpr int mostCompilations = 3;  // of one graph

std::vector<Descriptor> engineConfigs(const Descriptor& operations, const Target& target, cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, operations).set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  target.tellHeuristics(heuristics);
  heuristics.finalize();
  return heuristics.getDescriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

// Why an engine does not keep to the options; null if it does. Nobody asked for inputs of a smaller type than the
// tensors'.
const char* objection(const EngineConfig& engine, const Graph& graph, const CudaOptions& options,
                      Compilation compilation) {
  if (engine.has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)) return "all engines round their inputs to a smaller type";
  if (!options.allowTf32 && graph.hasFloat32Products() && engine.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE))
    return "all engines use TF32";
  if (options.deterministic && engine.has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC))
    return "no engine gives the same bits each time";
  if (compilation == Compilation::avoided && engine.has(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION))
    return "all engines are compiled at run time";
  return nullptr;
}

// The first reason in a message, which is the innermost.
std::string innermost(const std::string& message) {
  constexpr std::string_view mark = "Reason: ";
  std::size_t from = message.find(mark);
  if (from == std::string::npos) return message;
  from += mark.size();
  std::size_t to = message.find(" Warning:", from);
  return message.substr(from, to == std::string::npos ? to : to - from);
}

// The heuristics leave out engines that can't do a graph without a word; the engines themselves say why not.
std::string whyNone(const Descriptor& operations, const Target& target) {
  const auto count = operations.get<std::int64_t>(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT);
  for (std::int64_t index = 0; index < count; index++) {
    try {
      Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
      engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, operations).set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, index);
      target.tellEngine(engine);
      engine.finalize();
    } catch (const Declined& declined) {
      if (declined.status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000) return innermost(declined.what());
    }
  }
  return "cuDNN knows no engine for this graph";
}

}  // namespace

EngineConfig::EngineConfig(Descriptor made) : descriptor(std::move(made)) {
  Descriptor engine =
      std::move(descriptor.getDescriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR).at(0));
  index = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  numericalNotes =
      engine.getAll<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  behaviorNotes =
      engine.getAll<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT);
}

bool EngineConfig::has(cudnnBackendNumericalNote_t note) const {
  return std::ranges::find(numericalNotes, note) != numericalNotes.end();
}
bool EngineConfig::has(cudnnBackendBehaviorNote_t note) const {
  return std::ranges::find(behaviorNotes, note) != behaviorNotes.end();
}

Plan::Plan(std::shared_ptr<const EngineConfig> engine, const Target& target)
    : engine_(std::move(engine)), plan_(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
  if (target.handle) plan_.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine_->descriptor).finalize();
  workspaceBytes_ = static_cast<std::size_t>(plan_.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
}

void Plan::run(cudnnHandle_t handle, std::span<void* const> pointers, void* workspace) const {
  try {
    std::vector<std::int64_t> uids(pointers.size());
    std::iota(uids.begin(), uids.end(), 1);
    Descriptor memory(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    memory.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(uids))
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers)
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
        .finalize();
    accept(cudnnBackendExecute(handle, plan_.raw(), memory.raw()));
  } catch (const Declined& error) {
    fail(ErrorKind::backend, "cudnnBackendExecute of engine ", engine_->index, ": ", error.what(), whatCudaSays());
  }
}

std::vector<std::shared_ptr<const Plan>> findPlans(const Graph& graph, const Target& target, Compilation compilation,
                                                   std::size_t most) {
  const Descriptor operations = graph.finalize(target);
  std::vector<std::shared_ptr<const Plan>> plans;
  std::optional<Declined> first;  // the reason of the engine that the heuristic likes best
  int compilations = 0;
  auto refuse = [&](const Declined& declined) {
    if (!first) first = declined;
  };
  for (auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    try {
      for (Descriptor& config : engineConfigs(operations, target, mode)) {
        auto engine = std::make_shared<const EngineConfig>(std::move(config));
        if (const char* why = objection(*engine, graph, target.options, compilation)) {
          refuse(Declined(CUDNN_STATUS_NOT_SUPPORTED, why));
          continue;
        }
        if (engine->has(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) && compilations++ >= mostCompilations) continue;
        try {
          auto plan = std::make_shared<const Plan>(std::move(engine), target);
          if (plan->workspaceBytes() <= target.options.workspaceLimit) {
            plans.push_back(std::move(plan));
          } else {
            refuse(Declined(CUDNN_STATUS_NOT_SUPPORTED,
                            text("a workspace of ", plan->workspaceBytes(), " bytes is more than the cap of ",
                                 target.options.workspaceLimit)));
          }
        } catch (const Declined& declined) { refuse(declined); }
        if (plans.size() == most) return plans;
      }
    } catch (const Declined& declined) {  // this heuristic has nothing for such a graph
      refuse(declined);
    }
    if (!plans.empty()) return plans;
  }
  if (first) throw *first;
  throw Declined(CUDNN_STATUS_NOT_SUPPORTED, whyNone(operations, target));
}

std::shared_ptr<const Plan> choosePlan(const Graph& graph, const Target& target, Compilation compilation) {
  constexpr std::size_t timed = 8;
  if (!target.options.benchmark || !target.handle) return findPlans(graph, target, compilation, 1).front();
  auto plans = findPlans(graph, target, compilation, timed);
  return plans.size() == 1 ? plans.front() : fastest(plans, graph, target)->again(target);
}

}  // namespace cnn::cuda::graph

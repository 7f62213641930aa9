// Plan: a graph made ready for one device by one of cuDNN's engines.
#pragma once

#include <memory>
#include <span>

#include "graph.hpp"

namespace cnn::cuda::graph {

/// One of cuDNN's ways to compute a graph, with what it says of it.
struct EngineConfig {
  Descriptor descriptor;
  std::int64_t index = 0;  // its number among all that compute such graphs
  std::vector<cudnnBackendNumericalNote_t> numericalNotes;
  std::vector<cudnnBackendBehaviorNote_t> behaviorNotes;

  explicit EngineConfig(Descriptor made);
  bool has(cudnnBackendNumericalNote_t note) const;
  bool has(cudnnBackendBehaviorNote_t note) const;
};

class Plan {
 public:
  /// Compiles where the engine wants it. Throws Declined where the engine can't do it after all.
  Plan(std::shared_ptr<const EngineConfig> engine, const Target& target);
  /// A plan of the same engine: one that has run in some thread is better not run in another.
  std::shared_ptr<const Plan> again(const Target& target) const {
    return std::make_shared<const Plan>(engine_, target);
  }

  const EngineConfig& engine() const { return *engine_; }
  std::size_t workspaceBytes() const { return workspaceBytes_; }

  /// Enqueues the work onto the handle's stream. `pointers` stand in the order in which the graph's tensors were added;
  /// scalars are pointers to floats of the host, which are read before the call returns.
  void run(cudnnHandle_t handle, std::span<void* const> pointers, void* workspace) const;

 private:
  std::shared_ptr<const EngineConfig> engine_;
  Descriptor plan_;
  std::size_t workspaceBytes_ = 0;
};

/// The answer to a graph: a plan, or why cuDNN has none.
struct Planned {
  std::shared_ptr<const Plan> plan;
  std::string declined;

  explicit operator bool() const { return plan != nullptr; }
};

/// Whether engines may be considered that are compiled when a plan is made: half a second to several seconds each time,
/// at every start of the program.
enum class Compilation { allowed, avoided };

/// Allowed for those who wait for speed, where there is another way.
inline Compilation compilationFor(const Target& target) {
  return target.options.benchmark ? Compilation::allowed : Compilation::avoided;
}

/// Up to `most` plans that keep to the target's options, in the order of cuDNN's heuristic: mode A, then what works but
/// may be slow. Throws Declined where there is none.
std::vector<std::shared_ptr<const Plan>> findPlans(const Graph& graph, const Target& target, Compilation compilation,
                                                   std::size_t most);

/// The plan to use: the heuristic's first or, where the options ask for it and the device is present, the fastest of
/// the first ones.
std::shared_ptr<const Plan> choosePlan(const Graph& graph, const Target& target, Compilation compilation);

/// Makes a graph with `build(graph)` and a plan for it.
template <class Build>
Planned makePlan(const Target& target, Compilation compilation, Build build) {
  try {
    Graph graph;
    build(graph);
    return {choosePlan(graph, target, compilation), ""};
  } catch (const Declined& declined) { return {nullptr, declined.what()}; }
}

}  // namespace cnn::cuda::graph

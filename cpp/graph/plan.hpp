// Plan: a graph made ready for one device: a kernel for every node, a layout for every value, memory for every buffer.
#pragma once

#include "recorder.hpp"

namespace cnn::graph {

/// Memory that a plan names before it is there: a step finds its pointer when it runs.
struct Reference {
  enum class Kind : std::uint8_t { none, input, captured, constant, result, arena };
  Kind kind = Kind::none;
  std::size_t at = 0;      // its number, or its offset in the arena
  std::size_t offset = 0;  // bytes from there
};

struct Step {
  Op op;
  int node = -1;  // in the graph; -1: a reorder
  int provider = -1;
  KernelPtr kernel;
  std::vector<Reference> inputs, outputs;
  Reference workspace;
  Descs inputDescs;  // for messages, and to count work
  SitePtr site = nullptr;
};

/// A captured tensor that the steps overwrite, and the layout in which they read it.
struct PreferredLayout {
  int captured = -1;
  Layout layout;
};

struct Plan {
  std::vector<Step> constants;  // run once, and again when a captured tensor was overwritten
  std::vector<Step> steps;      // run each time
  std::vector<std::size_t> constantBytes, resultBytes;
  std::vector<bool> isConstantKept;  // the steps read it; others only other constants do
  std::size_t arenaBytes = 0, constantArenaBytes = 0;
  Index samples = 0;  // of the batch that go through the steps at once; 0: all, or there is no batch
  /// What the function returns, then gradients: where each lies and how.
  struct Output {
    Reference reference;
    TensorDesc desc;
  };
  std::vector<Output> outputs;
  std::vector<Layout> inputLayouts, capturedLayouts;  // as the steps expect them
  std::vector<PreferredLayout> preferredLayouts;
  /// Whether all steps have run once, to the end: on the queue's thread. What a device does at a kernel's first run (it
  /// loads code), it can't while it records.
  mutable bool hasRun = false;
};

/// `captured`: how captured tensors lie now.
Plan makePlan(Device& device, const Graph& graph, std::span<const TensorDesc> inputs,
              std::span<const TensorDesc> captured, Tolerance tolerance = Tolerance::tight);

}  // namespace cnn::graph

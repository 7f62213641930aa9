// Draft: the first step of a plan. Every node has a kernel, every value a layout, and conversions stand between them.
// Buffers have sizes, but no memory yet.
#pragma once

#include "plan.hpp"

namespace cnn::graph {

struct Buffer {
  Reference::Kind kind = Reference::Kind::arena;
  std::size_t index = 0;  // of the input, captured tensor, constant or result
  std::size_t bytes = 0;
  bool isMutated = false;  // by an op, after it was made
};

/// A value in memory: a buffer, read in some shape and layout.
struct Located {
  int buffer = -1;
  TensorDesc desc;
};

struct DraftStep {
  Op op;
  int node = -1, provider = -1;  // as in Step
  KernelPtr kernel;
  std::vector<int> inputs, outputs;  // buffers; -1: none
  Descs inputDescs;
  bool isConstant = false;
};

struct Draft {
  std::vector<Buffer> buffers;
  std::vector<DraftStep> steps;  // in the order in which they run
  std::vector<Located> values;   // as in the graph
  std::vector<PreferredLayout> preferredLayouts;
};

/// `captured`: how captured tensors lie now.
Draft makeDraft(Device& device, const Graph& graph, std::span<const TensorDesc> inputs,
                std::span<const TensorDesc> captured, Tolerance tolerance);

}  // namespace cnn::graph

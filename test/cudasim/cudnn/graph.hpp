// Operation graphs: operations with their tensors in an order that can be run, and the engines that pretend to know
// them.
#pragma once

#include "descriptor.hpp"

namespace cudasim::cudnn {

/// One operation: which tensors it reads and writes, by the attribute that names them.
struct Operation {
  DescriptorPtr descriptor;
  std::vector<std::pair<cudnnBackendAttributeName_t, Tensor>> inputs, outputs;

  const Tensor* tensor(cudnnBackendAttributeName_t name) const;
};

struct Operations {
  std::vector<Operation> list;             // in an order in which every virtual tensor is made before it is read
  std::map<std::int64_t, Tensor> tensors;  // by uid
  std::set<std::int64_t> written;
  int device = -1;  // of the handle, if one was given
};

struct EngineInfo {
  std::int64_t index = 0, workspaceBytes = 0;
  std::vector<cudnnBackendNumericalNote_t> numericalNotes;
  std::vector<cudnnBackendBehaviorNote_t> behaviorNotes;
  bool isFallback = false;
  const char* whyNot = nullptr;  // why its plan can't be finalised
};

/// The reads and writes of a finalised operation descriptor.
Operation readOperation(const DescriptorPtr& descriptor);
/// Checks one operation: shapes, strides, types.
void checkOperation(Descriptor& descriptor);
/// Checks the whole graph and keeps its Operations.
void finalizeGraph(Descriptor& graph);
const Operations& operationsOf(const Descriptor& graph);
/// Empty where no engine would take the graph, as where the real library knows none.
std::vector<EngineInfo> enginesFor(const Operations& operations);
void describeEngine(Descriptor& engine, const EngineInfo& info);

/// Runs the graph on memory by uid; scalars by value come in `values`.
void run(const Operations& operations, const std::map<std::int64_t, void*>& memory,
         const std::map<std::int64_t, double>& values);

}  // namespace cudasim::cudnn

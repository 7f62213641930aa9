// Recorder: the trace of a function: it turns the ops that come through the door, forward, backward and update, into a graph.
#pragma once

#include <map>
#include <unordered_map>

#include "core/trace.hpp"
#include "graph.hpp"

namespace cnn::graph {

/// A tensor that the function used without getting it as an argument. A program does not keep alive what JavaScript can dispose of.
struct External {
  std::weak_ptr<TensorImpl> tensor;      // a parameter or buffer, which has handles; or
  Tensor constant;                       // what only this program knows; or
  std::weak_ptr<TensorImpl> gradientOf;  // the gradient that this leaf has when a run begins
  bool isGradient = false, requiresGrad = false;
};

/// A leaf whose gradient the function reads or replaces.
struct Leaf {
  std::weak_ptr<TensorImpl> tensor;
  int input = -1;  // the leaf is this argument, another one at each run
};

/// What becomes of a leaf's gradient.
struct GradientEffect {
  Leaf leaf;
  int result = -1;  // in graph.results; -1: no gradient is left
};

/// What a leaf's gradient must be when a run begins, since the function looked at it: there or not.
struct GradientGuard {
  Leaf leaf;
  bool hasGradient = false;
};

struct Recording {
  DevicePtr device;
  Graph graph;
  std::vector<TensorDesc> inputs;
  std::vector<External> externals;
  std::size_t resultCount = 0;  // graph.results begins with what the function returned; gradients follow
  std::vector<GradientEffect> effects;
  std::vector<GradientGuard> guards;
  std::vector<std::pair<std::size_t, std::size_t>> aliases;  // arguments that share their memory
  Index firstOffset = 0, offsetCount = 0;  // of the random ops
  int providers = 0;
};

class Recorder final : public Trace {
 public:
  /// From now on the session's ops come here.
  Recorder(Session& session, std::vector<Tensor> inputs);
  /// Undone: gradients and random counter are as they were.
  ~Recorder() override;

  Tensors add(const Op& op, std::span<const Tensor> inputs, const Descs& outputs, const DevicePtr& device) override;
  void addConstant(const Tensor& tensor) override { constants_.push_back(tensor); }
  void touchGradient(const std::shared_ptr<TensorImpl>& leaf, bool isRead) override;
  /// The last node's dynamic fields come from outside at each run; the number under which they do.
  int provideDynamic();
  Recording finish(std::span<const Tensor> results);

 private:
  struct Touched {
    std::shared_ptr<TensorImpl> leaf, before;
    bool isReadFirst = false;
  };
  ValueId rootOf(const Tensor& tensor);
  ValueId use(const Tensor& tensor);
  ValueId view(ValueId id, const Dims& shape);
  void restore();

  Session& session_;
  Recording recording_;
  std::vector<Tensor> inputs_, constants_;
  std::unordered_map<const Storage*, ValueId> known_;     // memory that was there before
  std::unordered_map<ValueId, ValueId> current_;          // a value whose view was overwritten: that view
  std::unordered_map<ValueId, int> versions_;
  std::map<std::pair<ValueId, std::string>, ValueId> views_;  // by value and by shape and version
  std::vector<Touched> touched_;
  bool isRecording_ = true;
};

}  // namespace cnn::graph

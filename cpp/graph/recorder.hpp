// Recorder: the trace of a function: it turns the ops that come through the door, forward, backward and update, into a
// graph.
#pragma once

#include <map>
#include <unordered_map>

#include "core/trace.hpp"
#include "recording.hpp"

namespace cnn::graph {

class Recorder final : public Trace {
 public:
  /// From now on the session's ops come here.
  Recorder(Session& session, std::vector<Tensor> inputs);
  /// Undone: gradients and random counter are as they were.
  ~Recorder() override;

  Tensors add(const Op& op, std::span<const Tensor> inputs, const Descs& outputs, const DevicePtr& device) override;
  void addConstant(const Tensor& tensor) override { constants_.push_back(tensor); }
  void addAlias(const Tensor& tensor, const Tensor& alias) override;
  void touchRequiresGrad(const std::shared_ptr<TensorImpl>& leaf) override {
    wantedGrad_.try_emplace(leaf, leaf->requiresGrad);
  }
  void touchGradient(const std::shared_ptr<TensorImpl>& leaf, bool isRead) override;
  /// The last node's dynamic fields come from outside at each run; the number under which they do.
  int provideDynamic();
  /// `named`: tensors from outside that JavaScript named while the function ran, even if they are arguments, too.
  Recording finish(std::span<const Tensor> results, std::span<const Tensor> named);

 private:
  struct Touched {
    std::shared_ptr<TensorImpl> leaf, before;
    bool isReadFirst = false;
    bool isReplaced = false;  // even if by the same
    bool isNamed = false;     // its gradient of before was used
  };
  /// The tensor from outside that `tensor` is an alias of, or itself.
  const Tensor& originOf(const Tensor& tensor) const;
  Leaf leafOf(const std::shared_ptr<TensorImpl>& tensor) const;
  bool isMadeHere(const std::shared_ptr<TensorImpl>& tensor) const;
  bool isConstant(const Storage& storage) const;
  Name nameFor(const Tensor& tensor) const;
  bool isFirstName(const Tensor& tensor, ValueId id) const;
  ValueId addCaptured(const Tensor& tensor);
  void addGradientNames(const Tensor& tensor, ValueId id);
  ValueId rootOf(const Tensor& tensor);
  ValueId use(const Tensor& tensor);
  void makeOverwritable(const Tensor& tensor);
  ValueId view(ValueId id, const Dims& shape);
  void restore();

  Session& session_;
  Recording recording_;
  std::vector<Tensor> inputs_, constants_;
  struct Known {
    ValueId id;
    std::shared_ptr<Storage> storage;  // held, lest other memory comes to lie where it was
  };
  std::unordered_map<const Storage*, Known> known_;  // memory that was there before
  struct Made {
    Tensor alias, of;
  };
  std::unordered_map<const TensorImpl*, Made> made_;  // aliases that the function made
  std::map<std::shared_ptr<TensorImpl>, bool>
      wantedGrad_;                                // when the recording began, of leaves where that was changed
  std::unordered_map<ValueId, ValueId> current_;  // a value whose view was overwritten: that view
  std::unordered_map<ValueId, int> versions_;
  std::map<std::pair<ValueId, std::string>, ValueId> views_;  // by value and by shape and version
  std::vector<Touched> touched_;
  bool isRecording_ = true;
};

}  // namespace cnn::graph

// The tape: which op made a tensor from which, and how a gradient flows back through it.
#pragma once

#include "core/apply.hpp"
#include "core/node.hpp"
#include "core/tape.hpp"

namespace cnn {

/// What a gradient rule sees.
class VjpContext {
 public:
  VjpContext(Session& session, const Node& node, const DevicePtr& device)
      : session_(session), node_(node), device_(device) {}

  /// Whether the gradient of input i is wanted.
  bool needs(int i) const;
  int inputCount() const { return static_cast<int>(node_.inputDescs.size()); }
  const TensorDesc& inputDesc(int i) const { return node_.inputDescs[static_cast<std::size_t>(i)]; }
  /// A saved input or output; the op's `saves` must name it. Undefined for an absent optional input.
  Tensor input(int i) const;
  Tensor output(int i) const;

  /// Enqueues an op of the rule; the first output, or all of them.
  Tensor emit(const Op& op, std::initializer_list<Tensor> inputs) const { return emitAll(op, inputs)[0]; }
  Tensors emitAll(const Op& op, std::initializer_list<Tensor> inputs) const {
    return apply(session_, op, std::span<const Tensor>(inputs.begin(), inputs.size()), device_);
  }
  Tensors emitAll(const Op& op, std::span<const Tensor> inputs) const { return apply(session_, op, inputs, device_); }

 private:
  Tensor restore(const Saved& saved, std::string_view what) const;
  Session& session_;
  const Node& node_;
  DevicePtr device_;
};

/// The gradients of a node's inputs from those of its outputs (undefined: zero). Undefined results where `!needs(i)`.
/// Dispatches to the rule of each op in rules/.
Tensors vjp(const VjpContext& context, const Op& op, std::span<const Tensor> dy);

/// The tape that sessions record on.
Tape& gradientTape();

/// Adds d(root)/d(leaf) to `grad` of every leaf that requires one. `seed` undefined: ones, root must be a scalar.
/// Unless `retainGraph`, what the tape saved is freed on the way.
void backward(Session& session, const Tensor& root, const Tensor& seed, bool retainGraph, bool createGraph);

/// d(root)/d(inputs), leaving every `.grad` alone; undefined where root does not depend on an input.
Tensors grad(Session& session, const Tensor& root, const Tensor& seed, std::span<const Tensor> inputs, bool retainGraph,
             bool createGraph);

}  // namespace cnn

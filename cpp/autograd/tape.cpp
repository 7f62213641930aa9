// Recording ops and running gradients back through them.
#include "tape.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/trace.hpp"
#include "ops/names.hpp"
#include "ops/print.hpp"
#include "ops/properties.hpp"
#include "rules/rules.hpp"

namespace cnn {

bool VjpContext::needs(int i) const {
  const Node::Edge& edge = node_.edges[static_cast<std::size_t>(i)];
  return edge.node || edge.leaf;
}

Tensor VjpContext::restore(const Saved& saved, std::string_view what) const {
  if (saved.tensor && saved.tensor->storage->version != saved.version) {
    fail(ErrorKind::gradient, describe(node_.op), ": its ", what, " ", toString(saved.tensor.desc()),
         " was overwritten after the forward pass (by an optimizer step or copy_), so its gradient can't be computed");
  }
  return saved.tensor;
}

Tensor VjpContext::input(int i) const {
  auto name = std::visit([&](const auto& op) { return inputName(op, i, inputCount()); }, node_.op);
  return restore(node_.inputs[static_cast<std::size_t>(i)], name);
}

Tensor VjpContext::output(int i) const {
  auto name = std::visit([&](const auto& op) { return wordAt(op.outputs, i).name; }, node_.op);
  Tensor tensor = restore(node_.outputs[static_cast<std::size_t>(i)], name);
  if (!tensor || !session_.gradEnabled) return tensor;
  Tensor attached = tensor.detach();  // for second derivatives: y is a result of this very node
  attached->requiresGrad = true;
  attached->node = std::const_pointer_cast<Node>(node_.shared_from_this());
  attached->outputIndex = i;
  return attached;
}

Tensors vjp(const VjpContext& context, const Op& op, std::span<const Tensor> dy) {
  return std::visit(
      [&](const auto& each) -> Tensors {
        using O = std::decay_t<decltype(each)>;
        if constexpr (hasRule<O>()) {
          return vjp(each, context, dy);
        } else {
          fail(ErrorKind::gradient, each.name, ": its own gradient (a second derivative) is not available");
        }
      },
      op);
}

namespace {

void recordNode(Session& session, const Op& op, std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  bool wanted = std::any_of(inputs.begin(), inputs.end(), [](const Tensor& tensor) { return tensor.requiresGrad(); });
  if (!wanted || gradientOf(op) == Gradient::zero) return;
  auto node = std::make_shared<Node>();
  node->op = op;
  node->sequence = session.nextSequence();
  std::string_view saves = savesOf(op);
  int count = static_cast<int>(inputs.size());
  for (int i = 0; i < count; i++) {
    const Tensor& tensor = inputs[static_cast<std::size_t>(i)];
    node->inputDescs.push_back(tensor ? tensor.desc() : TensorDesc());
    Node::Edge edge;
    if (tensor.requiresGrad()) {
      edge.node = tensor->node;
      if (!edge.node) edge.leaf = tensor.impl();
      edge.outputIndex = tensor->outputIndex;
    }
    node->edges.push_back(std::move(edge));
    Saved saved;
    if (tensor && !saves.empty() &&
        hasWord(saves, std::visit([&](const auto& each) { return inputName(each, i, count); }, op))) {
      saved = {tensor, tensor->storage->version};
    }
    node->inputs.push_back(std::move(saved));
  }
  for (std::size_t i = 0; i < outputs.size(); i++) {
    const Tensor& tensor = outputs[i];
    node->outputDescs.push_back(tensor.desc());
    Saved saved;
    if (!saves.empty() &&
        hasWord(saves,
                std::visit([&](const auto& each) { return wordAt(each.outputs, static_cast<int>(i)).name; }, op))) {
      saved = {tensor.detach(), tensor->storage->version};
    }
    node->outputs.push_back(std::move(saved));
    if (isFloat(tensor.dtype())) {
      tensor->requiresGrad = true;
      tensor->node = node;
      tensor->outputIndex = static_cast<int>(i);
    }
  }
}

class GradientTape final : public Tape {
 public:
  void record(Session& session, const Op& op, std::span<const Tensor> inputs,
              std::span<const Tensor> outputs) override {
    recordNode(session, op, inputs, outputs);
  }
};

}  // namespace

Tape& gradientTape() {
  static GradientTape tape;  // it has no state: what it records hangs on the tensors
  return tape;
}

namespace {

Tensor add(Session& session, const Tensor& a, const Tensor& b) {
  Tensor inputs[] = {a, b};
  return apply(session, Binary{.function = BinaryFunction::add}, inputs)[0];
}

Tensor copyOf(Session& session, const Tensor& x) {
  return apply(session, Unary{.function = UnaryFunction::affine, .alpha = 1, .beta = 0}, {&x, 1})[0];
}

Tensor firstGradient(Session& session, const Tensor& root, const Tensor& seed) {
  if (!root.requiresGrad()) {
    fail(ErrorKind::gradient, "backward: ", toString(root.desc()),
         " does not depend on a tensor that requires a gradient");
  }
  if (!seed) {
    if (root.desc().elements() != 1) {
      fail(ErrorKind::gradient, "backward: the tensor is ", toString(root.desc()),
           ", expected a scalar, or a gradient of that shape");
    }
    return apply(session, Fill{.shape = root.shape(), .dtype = root.dtype(), .value = 1}, {}, root.device())[0];
  }
  if (!(seed.shape() == root.shape()) || seed.dtype() != root.dtype()) {
    fail(ErrorKind::shape, "backward: the gradient is ", toString(seed.desc()), ", expected ", toString(root.desc()));
  }
  return seed;
}

// Walks the graph from the newest node to the oldest, so a node runs when all its gradients have come.
// `sink` gets every gradient that arrives at a leaf or at a watched (node, output).
class Walk {
 public:
  Walk(Session& session, bool retainGraph) : session_(session), retainGraph_(retainGraph) {}

  using LeafSink = std::function<void(const std::shared_ptr<TensorImpl>&, Tensor)>;
  using NodeSink = std::function<void(const Node&, std::span<const Tensor>)>;

  void run(const Tensor& root, Tensor seed, const LeafSink& leafSink, const NodeSink& nodeSink) {
    if (!root->node) {
      leafSink(root.impl(), std::move(seed));
      return;
    }
    const DevicePtr& device = root.device();
    deliver(root->node, root->outputIndex, std::move(seed));
    while (!waiting_.empty()) {
      auto newest = std::prev(waiting_.end());
      std::shared_ptr<Node> node = newest->second.node;
      Tensors dy = std::move(newest->second.gradients);
      waiting_.erase(newest);
      if (nodeSink) nodeSink(*node, dy);
      if (node->released) {
        fail(ErrorKind::gradient, nameOf(node->op),
             ": the graph was freed by an earlier backward(), pass retainGraph to use it again");
      }
      Tensors dx = vjp(VjpContext(session_, *node, device), node->op, dy);
      dy.clear();
      for (std::size_t i = 0; i < dx.size(); i++) {
        if (!dx[i]) continue;
        const Node::Edge& edge = node->edges[i];
        if (edge.node) {
          deliver(edge.node, edge.outputIndex, std::move(dx[i]));
        } else if (edge.leaf) {
          leafSink(edge.leaf, std::move(dx[i]));
        }
      }
      if (!retainGraph_) release(*node);
    }
  }

 private:
  struct Waiting {
    std::shared_ptr<Node> node;
    Tensors gradients;  // one an output
  };

  void deliver(const std::shared_ptr<Node>& node, int output, Tensor gradient) {
    Waiting& waiting = waiting_[node->sequence];
    if (!waiting.node) {
      waiting.node = node;
      waiting.gradients.resize(node->outputDescs.size());
    }
    Tensor& slot = waiting.gradients[static_cast<std::size_t>(output)];
    slot = slot ? add(session_, slot, gradient) : std::move(gradient);
  }

  static void release(Node& node) {
    node.released = true;
    for (Saved& saved : node.inputs) saved.tensor = {};
    for (Saved& saved : node.outputs) saved.tensor = {};
  }

  Session& session_;
  bool retainGraph_;
  std::map<std::uint64_t, Waiting> waiting_;  // by sequence
};

}  // namespace

void backward(Session& session, const Tensor& root, const Tensor& seed, bool retainGraph, bool createGraph) {
  GradMode mode(session, createGraph);
  Tensor first = firstGradient(session, root, seed);
  Walk(session, retainGraph || createGraph)
      .run(root, first,
           [&](const std::shared_ptr<TensorImpl>& leaf, Tensor gradient) {
             if (session.trace) session.trace->touchGradient(leaf, true);
             if (leaf->grad) {
               leaf->grad = add(session, Tensor(leaf->grad), gradient).impl();
             } else {  // a gradient may be shared (add passes dy on to both inputs), but it is overwritten when clipped
               bool isShared = gradient.impl().use_count() > 1 || gradient->storage.use_count() > 1;
               leaf->grad = isShared ? copyOf(session, gradient).impl() : gradient.impl();
             }
           },
           {});
}

Tensors grad(Session& session, const Tensor& root, const Tensor& seed, std::span<const Tensor> inputs, bool retainGraph,
             bool createGraph) {
  GradMode mode(session, createGraph);
  Tensors results(inputs.size());
  Walk(session, retainGraph || createGraph)
      .run(
          root, firstGradient(session, root, seed),
          [&](const std::shared_ptr<TensorImpl>& leaf, const Tensor& gradient) {
            for (std::size_t i = 0; i < inputs.size(); i++) {
              if (inputs[i].impl() == leaf) results[i] = results[i] ? add(session, results[i], gradient) : gradient;
            }
          },
          [&](const Node& node, std::span<const Tensor> dy) {
            for (std::size_t i = 0; i < inputs.size(); i++) {
              if (inputs[i]->node.get() == &node) results[i] = dy[static_cast<std::size_t>(inputs[i]->outputIndex)];
            }
          });
  return results;
}

}  // namespace cnn

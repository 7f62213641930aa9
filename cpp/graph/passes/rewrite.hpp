// Rewrite: what the fusing passes share: looking at a chain of nodes, and putting one node in its place.
#pragma once

#include <algorithm>
#include <optional>

#include "ops/infer.hpp"
#include "ops/names.hpp"
#include "ops/properties.hpp"
#include "passes.hpp"

namespace cnn::graph {

/// What follows a value: perhaps an addition of something else of the same shape, then an activation.
struct Tail {
  int add = -1, activation = -1;  // nodes
  ValueId residual = noValue;
  Activation function = Activation::identity;
  int last() const { return activation >= 0 ? activation : add; }
};

/// A graph while a pass changes it: nodes may be replaced or dropped, values added.
class Rewrite {
 public:
  Rewrite(const Graph& graph, const Target& target)
      : graph(graph), uses(graph), target_(target), isDropped_(graph.nodes.size()), before_(graph.nodes.size()) {}

  Graph graph;
  const Uses uses;  // of the graph as it was

  int count() const { return static_cast<int>(isDropped_.size()); }
  const Node& node(int n) const { return graph.nodes[static_cast<std::size_t>(n)]; }
  bool isDropped(int n) const { return isDropped_[static_cast<std::size_t>(n)]; }
  /// The op of a node, or null where it is another.
  template <class O>
  const O* as(int n) const {
    return n < 0 || isDropped(n) ? nullptr : std::get_if<O>(&node(n).op);
  }

  /// The node that alone reads a value; -1 where there are several, or none.
  int onlyReader(ValueId id) const {
    if (uses.isResult(id) || uses.isMutated(id) || uses.consumers(id).size() != 1) return -1;
    return uses.consumers(id)[0];
  }

  /// Whose memory a value is: a view is followed to what it is a view of.
  ValueId rootOf(ValueId id) const {
    for (int n = uses.producer(id); n >= 0 && isView(node(n).op); n = uses.producer(id)) id = node(n).inputs[0];
    return id;
  }

  Descs descs(std::span<const ValueId> ids) const {
    Descs result;
    for (ValueId id : ids) result.push_back(id == noValue ? TensorDesc() : graph[id].desc);
    return result;
  }
  /// Whether the device computes a fused node better than its parts, of which `part` costs most.
  bool takes(const Node& fused, const Node& part) const {
    auto call = [this](const Node& node) {
      Descs inputs = descs(node.inputs);
      return Call{node.op, inputs, infer(node.op, inputs)};
    };
    return target_.takes(call(fused), call(part));
  }
  /// Whether node `n` may run at the place of the later node `to`: nothing between overwrites what it reads, or touches
  /// what it overwrites.
  bool isMovable(int n, int to) const {
    auto overwrites = [](const Node& node, ValueId id) {
      int count = static_cast<int>(node.inputs.size());
      for (int i = 0; i < count; i++) {
        if (node.inputs[static_cast<std::size_t>(i)] == id && mutates(node.op, i, count)) return true;
      }
      return false;
    };
    for (ValueId input : node(n).inputs) {
      if (input == noValue || !uses.isMutated(input)) continue;
      ValueId id = rootOf(input);
      for (int k : uses.consumers(id)) {
        if (k > n && k < to && (overwrites(node(n), id) || overwrites(node(k), id))) return false;
      }
    }
    return true;
  }
  /// Puts one node in place of `n` and its tail, where the tail ended: by then the residual is there.
  void replaceTail(int n, const Tail& tail, Node made) {
    for (int each : {n, tail.add, tail.activation}) {
      if (each >= 0 && each != tail.last()) drop(each);
    }
    replace(tail.last(), std::move(made));
  }
  void replace(int n, Node node) {
    Node& old = graph.nodes[static_cast<std::size_t>(n)];
    if (!node.site) node.site = std::move(old.site);
    old = std::move(node);
  }
  void drop(int n) { isDropped_[static_cast<std::size_t>(n)] = true; }
  /// Adds a node that runs just before node `n`; its outputs are new values.
  std::vector<ValueId> emit(int n, const Op& op, std::vector<ValueId> inputs) {
    Node node{op, std::move(inputs), {}};
    for (const TensorDesc& desc : infer(op, descs(node.inputs))) node.outputs.push_back(graph.add(desc));
    std::vector<ValueId> outputs = node.outputs;
    before_[static_cast<std::size_t>(n)].push_back(std::move(node));
    return outputs;
  }

  Graph finish() {
    std::vector<Node> nodes;
    for (int n = 0; n < count(); n++) {
      for (Node& node : before_[static_cast<std::size_t>(n)]) nodes.push_back(std::move(node));
      if (!isDropped(n)) nodes.push_back(std::move(graph.nodes[static_cast<std::size_t>(n)]));
    }
    graph.nodes = std::move(nodes);
    return std::move(graph);
  }

 private:
  const Target& target_;
  std::vector<bool> isDropped_;
  std::vector<std::vector<Node>> before_;
};

inline ConvActivation withActivation(const Conv& conv, Activation activation) {
  return {.stride = conv.stride,
          .padding = conv.padding,
          .paddingEnd = conv.paddingEnd,
          .dilation = conv.dilation,
          .groups = conv.groups,
          .activation = activation};
}

/// The activation that an element-wise op is, if fused ops know it.
inline std::optional<Activation> activationOf(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::relu: return Activation::relu;
    case UnaryFunction::relu6: return Activation::relu6;
    default: return std::nullopt;
  }
}

/// The tail of a value, as far as nobody else reads what lies between.
inline Tail tailOf(const Rewrite& rewrite, ValueId y) {
  Tail tail;
  int next = rewrite.onlyReader(y);
  if (const Binary* binary = rewrite.as<Binary>(next); binary && binary->function == BinaryFunction::add) {
    const Node& add = rewrite.node(next);
    ValueId other = add.inputs[0] == y ? add.inputs[1] : add.inputs[0];
    if (other != y && rewrite.graph[other].desc == rewrite.graph[y].desc && !rewrite.uses.isMutated(other)) {
      tail.add = next;
      tail.residual = other;
      next = rewrite.onlyReader(add.outputs[0]);
    }
  }
  if (const Unary* unary = rewrite.as<Unary>(next)) {
    if (auto function = activationOf(unary->function)) {
      tail.activation = next;
      tail.function = *function;
    }
  }
  return tail;
}

}  // namespace cnn::graph

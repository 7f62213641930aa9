// fuseElementwise: runs of element-wise ops, each the only reader of the one before, sweep memory once instead of once
// an op.
#include "rewrite.hpp"

namespace cnn::graph {

namespace {

// A chain in the making: nodes whose running value has one shape from the first to the last.
class Chain {
 public:
  explicit Chain(const Rewrite& rewrite) : rewrite_(rewrite) {}

  int length() const { return static_cast<int>(nodes_.size()); }
  const std::vector<int>& nodes() const { return nodes_; }
  Node node() const { return {op_, inputs_, rewrite_.node(nodes_.back()).outputs}; }

  // Starts with node n, where there is an input that can be the running value.
  bool start(int n) {
    for (int position : {0, 1}) {
      if (!isLink(n, position)) continue;
      inputs_ = {rewrite_.node(n).inputs[static_cast<std::size_t>(position)]};
      add(n, position);
      return true;
    }
    return false;
  }

  // Goes on with the reader of the running value, where that is possible.
  bool extend() {
    if (length() == ChainLinks::capacity) return false;
    ValueId value = rewrite_.node(nodes_.back()).outputs[0];
    int next = rewrite_.onlyReader(value);
    if (next < 0) return false;
    int position = rewrite_.node(next).inputs[0] == value ? 0 : 1;
    if (!isLink(next, position) || !isAlike(next) || !isWorthMoving(next)) return false;
    for (int n : nodes_) {
      if (!rewrite_.isMovable(n, next)) return false;
    }
    add(next, position);
    return true;
  }

 private:
  const TensorDesc& desc(ValueId id) const { return rewrite_.graph[id].desc; }

  // Whether the node can be a link with this input as the running value.
  bool isLink(int n, int position) const {
    if (rewrite_.isDropped(n)) return false;
    const Node& node = rewrite_.node(n);
    bool isElementwise = (rewrite_.as<Unary>(n) && position == 0) || (rewrite_.as<UnaryBackward>(n) && position == 0) ||
                         rewrite_.as<Binary>(n);
    // Comparisons and the like, which give bool, end a chain.
    return isElementwise && node.provider < 0 && isFloat(desc(node.outputs[0]).dtype) &&
           desc(node.inputs[static_cast<std::size_t>(position)]) == desc(node.outputs[0]);
  }

  // What is computed once stays apart from what is computed at each run.
  bool isAlike(int next) const {
    return rewrite_.uses.isStable(rewrite_.node(next).outputs[0]) ==
           rewrite_.uses.isStable(rewrite_.node(nodes_.back()).outputs[0]);
  }

  // A chain runs where its last node was, so its inputs are kept till then. One of them for the running value costs
  // nothing; more only where nothing but other element-wise ops runs between.
  bool isWorthMoving(int next) const {
    int kept = 0;
    for (ValueId id : inputs_) {
      bool isLate = rewrite_.uses.isResult(id) || rewrite_.uses.consumers(id).back() >= next;
      bool isLarge = desc(id).shape == desc(inputs_[0]).shape;
      kept += rewrite_.graph[id].origin == Value::Origin::node && isLarge && !isLate;
    }
    if (kept <= 1) return true;
    for (int n = nodes_.back() + 1; n < next; n++) {
      if (!rewrite_.isDropped(n) && !rewrite_.as<Unary>(n) && !rewrite_.as<UnaryBackward>(n) &&
          !rewrite_.as<Binary>(n) && !rewrite_.as<ElementwiseChain>(n)) {
        return false;
      }
    }
    return true;
  }

  Index inputOf(ValueId id) {
    auto found = std::find(inputs_.begin(), inputs_.end(), id);
    Index index = found - inputs_.begin();
    if (found == inputs_.end()) inputs_.push_back(id);
    return index;
  }

  void add(int n, int position) {
    const Node& node = rewrite_.node(n);
    ChainLink link;
    if (const Unary* unary = rewrite_.as<Unary>(n)) {
      link = {.kind = LinkKind::unary, .unary = unary->function, .alpha = unary->alpha, .beta = unary->beta};
    } else if (const UnaryBackward* backward = rewrite_.as<UnaryBackward>(n)) {
      link = {
          .kind = LinkKind::backward, .unary = backward->function, .alpha = backward->alpha, .beta = backward->beta};
      if (node.inputs[1] != noValue) link.input = inputOf(node.inputs[1]);
    } else {
      link = {.kind = position == 0 ? LinkKind::binary : LinkKind::swapped, .binary = rewrite_.as<Binary>(n)->function};
      link.input = inputOf(node.inputs[static_cast<std::size_t>(1 - position)]);
    }
    op_.links.push(link);
    nodes_.push_back(n);
  }

  const Rewrite& rewrite_;
  std::vector<int> nodes_;
  std::vector<ValueId> inputs_;
  ElementwiseChain op_;
};

}  // namespace

Graph fuseElementwise(const Graph& graph, const Target& target) {
  Rewrite rewrite(graph, target);
  for (int n = 0; n < rewrite.count(); n++) {
    Chain chain(rewrite);
    if (!chain.start(n)) continue;
    while (chain.extend()) {}
    if (chain.length() < 2) continue;
    Node made = chain.node();
    if (!rewrite.takes(made, rewrite.node(n))) continue;
    for (int each : chain.nodes()) {
      if (each != chain.nodes().back()) rewrite.drop(each);
    }
    rewrite.replace(chain.nodes().back(), std::move(made));
  }
  return rewrite.finish();
}

}  // namespace cnn::graph

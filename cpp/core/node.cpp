// Taking a graph of nodes apart.
#include "node.hpp"

namespace cnn {

namespace {
// What nodes that are going held, on the thread that lets them go.
using Leftovers = std::vector<std::shared_ptr<void>>;
thread_local Leftovers* leftovers = nullptr;
}  // namespace

// A chain of a hundred thousand nodes would overflow the stack if each destroyed the next, be it through an edge or
// through a tensor that it saved. So a node hands over all that it holds to the outermost one, which lets go of it
// piece by piece.
Node::~Node() {
  Leftovers own;
  const bool isOutermost = leftovers == nullptr;
  if (isOutermost) leftovers = &own;
  for (Edge& edge : edges) {
    if (edge.node) leftovers->push_back(std::move(edge.node));
    if (edge.leaf) leftovers->push_back(std::move(edge.leaf));
  }
  for (std::vector<Saved>* list : {&inputs, &outputs}) {
    for (Saved& saved : *list) {
      if (saved.tensor) leftovers->push_back(saved.tensor.impl());
      saved.tensor = {};
    }
  }
  if (!isOutermost) return;
  while (!own.empty()) {
    std::shared_ptr<void> last = std::move(own.back());
    own.pop_back();
  }
  leftovers = nullptr;
}

}  // namespace cnn

// Node: an op that made a tensor through which a gradient flows. What a gradient does with it is in autograd/.
#pragma once

#include "ops/op.hpp"
#include "tensor.hpp"

namespace cnn {

/// A tensor kept for the gradient rule, with the version it had.
struct Saved {
  Tensor tensor;
  std::uint32_t version = 0;
};

/// One recorded op. It keeps of its inputs and outputs only what the op's `saves` names.
class Node : public std::enable_shared_from_this<Node> {
 public:
  Op op;
  Descs inputDescs, outputDescs;
  std::vector<Saved> inputs, outputs;  // entries that were not saved hold no tensor
  struct Edge {
    std::shared_ptr<Node> node;        // the node that made this input, or
    std::shared_ptr<TensorImpl> leaf;  // the leaf that wants the gradient, or neither: no gradient flows
    int outputIndex = 0;
  };
  std::vector<Edge> edges;  // one an input
  std::uint64_t sequence = 0;
  bool released = false;
  ~Node();  // takes long chains apart without recursion
};

}  // namespace cnn

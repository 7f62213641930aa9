// Graph: a recorded function as data: values, and the nodes that make them, in the order in which they run.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/failure.hpp"
#include "ops/op.hpp"

namespace cnn::graph {

using ValueId = int;
inline constexpr ValueId noValue = -1;  // an optional input that was not given

/// What a node reads or makes. Its desc is plain: layouts are chosen when a plan is made.
struct Value {
  enum class Origin : std::uint8_t {
    input,     // an argument of the function
    captured,  // a tensor that was there before: a parameter, a running statistic, a constant
    node,
  };
  Origin origin = Origin::node;
  int index = 0;  // the number of the input or the captured tensor
  TensorDesc desc;
  bool isReplaced = false;  // a captured one that is another tensor from run to run: a gradient
};

struct Node {
  Op op;
  std::vector<ValueId> inputs, outputs;
  int provider = -1;       // who gives its dynamic fields at each run; -1: they are as recorded
  SitePtr site = nullptr;  // where the function called it, if its values can make it fail
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> results;  // what must be there at the end, beside what nodes overwrite

  ValueId add(TensorDesc desc) {
    values.push_back({Value::Origin::node, 0, desc});
    return static_cast<ValueId>(values.size()) - 1;
  }
  const Value& operator[](ValueId id) const { return values[static_cast<std::size_t>(id)]; }
};

/// Who makes and who reads each value, as things stand.
class Uses {
 public:
  explicit Uses(const Graph& graph);

  /// The node that makes a value, -1 for inputs and captured tensors.
  int producer(ValueId id) const { return producers_[static_cast<std::size_t>(id)]; }
  /// The nodes that read a value, each once for every place where it reads it, in order.
  const std::vector<int>& consumers(ValueId id) const { return consumers_[static_cast<std::size_t>(id)]; }
  bool isResult(ValueId id) const { return isResult_[static_cast<std::size_t>(id)]; }
  /// Whether some node overwrites it.
  bool isMutated(ValueId id) const { return isMutated_[static_cast<std::size_t>(id)]; }
  /// Whether it is the same at every run, unless somebody else overwrites a captured tensor.
  bool isStable(ValueId id) const { return isStable_[static_cast<std::size_t>(id)]; }

 private:
  std::vector<int> producers_;
  std::vector<std::vector<int>> consumers_;
  std::vector<bool> isResult_, isMutated_, isStable_;
};

/// Whether running it twice gives the same and changes nothing else.
bool isPure(const Node& node);

/// One node a line: `%5 = conv(%0 float32[8, 3, 32, 32], %1 float32[32, 3, 5, 5], stride=[1, 1], …) → float32[8, 32,
/// 32, 32]`.
std::string toString(const Graph& graph);
/// A node's line; also for messages.
std::string toString(const Graph& graph, const Node& node);

}  // namespace cnn::graph

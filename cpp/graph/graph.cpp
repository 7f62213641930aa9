// Who uses what in a graph, and a graph as text.
#include "graph.hpp"

#include "ops/names.hpp"
#include "ops/properties.hpp"
#include "ops/print.hpp"

namespace cnn::graph {

namespace {

bool isRandom(const Op& op) {
  return std::visit([](const auto& each) { return requires { each.seed; }; }, op);
}

}  // namespace

bool isPure(const Node& node) { return node.provider < 0 && !mutates(node.op) && !isRandom(node.op); }

Uses::Uses(const Graph& graph)
    : producers_(graph.values.size(), -1),
      consumers_(graph.values.size()),
      isResult_(graph.values.size()),
      isMutated_(graph.values.size()),
      isStable_(graph.values.size()) {
  for (std::size_t n = 0; n < graph.nodes.size(); n++) {
    const Node& node = graph.nodes[n];
    for (ValueId id : node.outputs) producers_[static_cast<std::size_t>(id)] = static_cast<int>(n);
    int count = static_cast<int>(node.inputs.size());
    for (int i = 0; i < count; i++) {
      ValueId id = node.inputs[static_cast<std::size_t>(i)];
      if (id == noValue) continue;
      consumers_[static_cast<std::size_t>(id)].push_back(static_cast<int>(n));
      if (mutates(node.op, i, count)) isMutated_[static_cast<std::size_t>(id)] = true;
    }
  }
  for (ValueId id : graph.results) isResult_[static_cast<std::size_t>(id)] = true;
  // A view of what is overwritten is overwritten too, and the other way round; who gets a view gets the memory.
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (!isView(node.op)) continue;
    auto x = static_cast<std::size_t>(node.inputs[0]), y = static_cast<std::size_t>(node.outputs[0]);
    if (isMutated_[y]) isMutated_[x] = true;
    if (isResult_[y]) isResult_[x] = true;
  }
  for (const Node& node : graph.nodes) {
    if (isView(node.op) && isMutated_[static_cast<std::size_t>(node.inputs[0])])
      isMutated_[static_cast<std::size_t>(node.outputs[0])] = true;
  }
  for (std::size_t id = 0; id < graph.values.size(); id++) {
    isStable_[id] =
        graph.values[id].origin == Value::Origin::captured && !isMutated_[id] && !graph.values[id].isReplaced;
  }
  for (const Node& node : graph.nodes) {
    bool stable = isPure(node);
    for (ValueId id : node.inputs) stable = stable && (id == noValue || isStable_[static_cast<std::size_t>(id)]);
    for (ValueId id : node.outputs) stable = stable && !isResult(id) && !isMutated(id);
    for (ValueId id : node.outputs) isStable_[static_cast<std::size_t>(id)] = stable;
  }
}

std::string toString(const Graph& graph, const Node& node) {
  std::string out;
  for (std::size_t i = 0; i < node.outputs.size(); i++) {
    if (i) out += ", ";
    out += '%';
    out += std::to_string(node.outputs[i]);
  }
  if (!node.outputs.empty()) out += " = ";
  out += nameOf(node.op);
  out += '(';
  std::string separator;
  for (std::size_t i = 0; i < node.inputs.size(); i++) {
    if (node.inputs[i] == noValue) continue;
    if (i >= 12 && node.inputs.size() > 16) {
      out += ", … " + std::to_string(node.inputs.size() - i) + " more";
      break;
    }
    const Value& value = graph[node.inputs[i]];
    out += separator +
           (value.origin == Value::Origin::input      ? "input "
            : value.origin == Value::Origin::captured ? "captured "
                                                      : "") +
           "%" + std::to_string(node.inputs[i]) + " " + cnn::toString(value.desc);
    separator = ", ";
  }
  std::string fields = describe(node.op);
  fields = fields.substr(nameOf(node.op).size() + 1);
  if (fields != ")") out += separator;
  out += fields;
  for (std::size_t i = 0; i < node.outputs.size(); i++)
    out += (i ? ", " : " → ") + cnn::toString(graph[node.outputs[i]].desc);
  return out;
}

std::string toString(const Graph& graph) {
  std::string out;
  for (const Node& node : graph.nodes) out += toString(graph, node) + "\n";
  out += "return";
  for (std::size_t i = 0; i < graph.results.size(); i++) out += (i ? ", %" : " %") + std::to_string(graph.results[i]);
  return out + "\n";
}

}  // namespace cnn::graph

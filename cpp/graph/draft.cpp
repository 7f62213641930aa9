// Walks the graph once and asks the device for a kernel of every node and for the conversions of layouts that these
// kernels need.
#include "draft.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "ops/infer.hpp"
#include "ops/print.hpp"
#include "ops/properties.hpp"
#include "work.hpp"

namespace cnn::graph {

namespace {

// Whether one thread does it all in about a twentieth of a millisecond, as two threads would not: the JavaScript
// thread, which sends the next run, wants a core too.
bool isSingleThreaded(const Graph& graph, Index lanes) {
  constexpr double most = 6e6;
  double total = 0;
  for (const Node& node : graph.nodes) {
    if (node.outputs.empty()) continue;
    Descs descs;
    for (ValueId id : node.inputs) descs.push_back(id == noValue ? TensorDesc() : graph[id].desc);
    total += vectorMultiplyAdds(node.op, descs, graph[node.outputs[0]].desc, lanes);
  }
  return total <= most;
}

// Whether what stays the same, weights above all, is more than a last-level cache keeps beside the activations.
bool doWeightsExceed(std::size_t cacheBytes, const Graph& graph, const Uses& uses) {
  std::size_t bytes = 0;
  for (std::size_t id = 0; id < graph.values.size(); id++) {
    const Value& value = graph.values[id];
    if (value.origin == Value::Origin::captured && uses.isStable(static_cast<ValueId>(id)))
      bytes += value.desc.plainBytes();
  }
  return cacheBytes > 0 && bytes > cacheBytes;
}

class Drafter {
 public:
  Drafter(Device& device, const Graph& graph, Tolerance tolerance)
      : device_(device),
        graph_(graph),
        uses_(graph),
        setting_{.tolerance = tolerance,
                 .singleThreaded = isSingleThreaded(graph, device.backend().vectorLanes()),
                 .weightsExceedCache = doWeightsExceed(device.backend().cacheBytes(), graph, uses_)} {
    draft_.values.resize(graph.values.size());
  }

  Draft make(std::span<const TensorDesc> inputs, std::span<const TensorDesc> captured) {
    for (std::size_t id = 0; id < graph_.values.size(); id++) {
      const Value& value = graph_.values[id];
      if (value.origin == Value::Origin::node) continue;
      bool isInput = value.origin == Value::Origin::input;
      auto index = static_cast<std::size_t>(value.index);
      draft_.buffers.push_back({isInput ? Reference::Kind::input : Reference::Kind::captured, index, 0});
      draft_.values[id] = {static_cast<int>(draft_.buffers.size()) - 1, isInput ? inputs[index] : captured[index]};
    }
    for (std::size_t n = 0; n < graph_.nodes.size(); n++) addNode(static_cast<int>(n));
    findResults();
    return std::move(draft_);
  }

 private:
  Located& at(ValueId id) { return draft_.values[static_cast<std::size_t>(id)]; }
  Buffer& buffer(int id) { return draft_.buffers[static_cast<std::size_t>(id)]; }

  int newBuffer(const TensorDesc& desc, bool isConstant) {
    draft_.buffers.push_back({isConstant ? Reference::Kind::constant : Reference::Kind::arena,
                              isConstant ? constants_++ : 0, device_.backend().bytes(desc)});
    return static_cast<int>(draft_.buffers.size()) - 1;
  }

  // A value in another layout; made once, as long as nobody overwrites the value.
  Located converted(ValueId id, Layout layout) {
    Located from = at(id);
    if (from.desc.layout == layout) return from;
    const bool isConstant =
        uses_.isStable(id);  // a view that the caller gets is not, though what it is a view of may be
    auto [found, isNew] = copies_.try_emplace({from.buffer, from.desc.shape, layout.id, isConstant}, Located());
    if (isNew) found->second = reorder(from, layout, isConstant);
    return found->second;
  }

  Located reorder(const Located& from, Layout layout, bool isConstant) {
    Located to{-1, from.desc};
    to.desc.layout = layout;
    to.buffer = newBuffer(to.desc, isConstant);
    addReorder(from, to, isConstant);
    return to;
  }

  void addReorder(const Located& from, const Located& to, bool isConstant) {
    DraftStep step{Reorder{}};
    step.kernel = device_.reorder(from.desc, to.desc);
    step.inputs = {from.buffer};
    step.outputs = {to.buffer};
    step.inputDescs = {from.desc};
    step.isConstant = isConstant;
    draft_.steps.push_back(std::move(step));
  }

  void addView(const Node& node) {
    Located from = at(node.inputs[0]);
    // What the caller gets is its own, and no constant.
    if (!from.desc.layout.isPlain())
      from = uses_.isResult(node.outputs[0]) ? reorder(from, Layout{}, false) : converted(node.inputs[0], Layout{});
    if (uses_.isMutated(node.outputs[0]) && from.buffer != at(node.inputs[0]).buffer) {
      const Value& origin = graph_[node.inputs[0]];
      if (origin.origin != Value::Origin::node)
        fail(ErrorKind::backend, "compile: ", cnn::toString(origin.desc),
             " is overwritten through a view of another layout");
    }
    from.desc.shape = graph_[node.outputs[0]].desc.shape;
    at(node.outputs[0]) = from;
  }

  // A copy of an overwritten input that has to be written back.
  struct WriteBack {
    ValueId id = noValue;
    Located copy;
  };

  void addNode(int n) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(n)];
    if (isView(node.op)) return addView(node);
    Descs descs;
    Setting setting = setting_;
    DraftStep step{node.op, n, node.provider};
    step.isConstant = isPure(node);
    for (ValueId id : node.inputs) {
      const bool isStable = id == noValue || uses_.isStable(id);
      if (descs.size() < 64 && id != noValue && isStable) setting.stable |= std::uint64_t{1} << descs.size();
      descs.push_back(id == noValue ? TensorDesc() : at(id).desc);
      step.isConstant = step.isConstant && isStable;
    }
    for (ValueId id : node.outputs) step.isConstant = step.isConstant && uses_.isStable(id);
    step.kernel = device_.kernel(node.op, descs, infer(node.op, descs), setting);
    const std::vector<WriteBack> writeBacks = addInputs(node, step);
    addOutputs(node, step);
    draft_.steps.push_back(std::move(step));
    for (const auto& [id, copy] : writeBacks) addReorder(copy, at(id), false);
    forgetCopies(node);
  }

  // Converts inputs to the layouts that the kernel reads.
  std::vector<WriteBack> addInputs(const Node& node, DraftStep& step) {
    std::vector<WriteBack> writeBacks;
    int count = static_cast<int>(node.inputs.size());
    for (int i = 0; i < count; i++) {
      ValueId id = node.inputs[static_cast<std::size_t>(i)];
      if (id == noValue) {
        step.inputs.push_back(-1);
        step.inputDescs.push_back(TensorDesc());
        continue;
      }
      Layout layout =
          step.kernel->inputLayouts.empty() ? Layout{} : step.kernel->inputLayouts[static_cast<std::size_t>(i)];
      bool isOverwritten = mutates(node.op, i, count);
      Located input = at(id);
      if (input.desc.layout != layout) {
        prefer(id, layout);
        if (isOverwritten) {
          input = reorder(input, layout, false);
          writeBacks.push_back({id, input});
        } else {
          input = converted(id, layout);
        }
      }
      if (isOverwritten) buffer(input.buffer).isMutated = true;
      step.inputs.push_back(input.buffer);
      step.inputDescs.push_back(input.desc);
    }
    return writeBacks;
  }

  void addOutputs(const Node& node, DraftStep& step) {
    const std::vector<int>& optional = step.kernel->optionalOutputs;
    for (std::size_t i = 0; i < step.kernel->outputs.size(); i++) {
      const TensorDesc& desc = step.kernel->outputs[i];
      bool isOptional = std::count(optional.begin(), optional.end(), static_cast<int>(i)) > 0;
      bool isWanted =
          i < node.outputs.size() && (uses_.isResult(node.outputs[i]) || !uses_.consumers(node.outputs[i]).empty());
      if (isOptional && !isWanted) {
        step.outputs.push_back(-1);
        continue;
      }
      step.outputs.push_back(newBuffer(desc, step.isConstant));
      if (i < node.outputs.size()) at(node.outputs[i]) = {step.outputs.back(), desc};
    }
  }

  // Copies in other layouts are out of date once their value is overwritten.
  void forgetCopies(const Node& node) {
    int count = static_cast<int>(node.inputs.size());
    for (int i = 0; i < count; i++) {
      ValueId id = node.inputs[static_cast<std::size_t>(i)];
      if (id == noValue || !mutates(node.op, i, count)) continue;
      auto first = copies_.lower_bound({at(id).buffer, Dims(), 0, false}),
           last = copies_.lower_bound({at(id).buffer + 1, Dims(), 0, false});
      copies_.erase(first, last);
    }
  }

  // A parameter that is trained here may lie in the layout of its convolution from now on.
  void prefer(ValueId id, Layout layout) {
    const Value& value = graph_[id];
    if (value.origin != Value::Origin::captured || !uses_.isMutated(id) || layout.isPlain()) return;
    std::vector<PreferredLayout>& known = draft_.preferredLayouts;
    bool isKnown = std::any_of(known.begin(), known.end(),
                               [&](const PreferredLayout& each) { return each.captured == value.index; });
    if (!isKnown) known.push_back({value.index, layout});
  }

  // What the caller gets has memory of its own.
  void findResults() {
    std::size_t results = 0;
    for (ValueId id : graph_.results) {
      Buffer& result = buffer(at(id).buffer);
      if (result.kind != Reference::Kind::arena) continue;
      result.kind = Reference::Kind::result;
      result.index = results++;
    }
  }

  struct CopyOrder {
    using Key = std::tuple<int, Dims, std::uint32_t, bool>;  // buffer, shape, layout, whether it is constant
    bool operator()(const Key& a, const Key& b) const {
      if (std::get<0>(a) != std::get<0>(b)) return std::get<0>(a) < std::get<0>(b);
      if (std::get<2>(a) != std::get<2>(b)) return std::get<2>(a) < std::get<2>(b);
      if (std::get<3>(a) != std::get<3>(b)) return std::get<3>(a) < std::get<3>(b);
      const Dims &x = std::get<1>(a), &y = std::get<1>(b);
      return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
    }
  };

  Device& device_;
  const Graph& graph_;
  const Uses uses_;
  const Setting setting_;
  Draft draft_;
  std::size_t constants_ = 0;
  std::map<CopyOrder::Key, Located, CopyOrder> copies_;
};

}  // namespace

Draft makeDraft(Device& device, const Graph& graph, std::span<const TensorDesc> inputs,
                std::span<const TensorDesc> captured, Tolerance tolerance) {
  return Drafter(device, graph, tolerance).make(inputs, captured);
}

}  // namespace cnn::graph

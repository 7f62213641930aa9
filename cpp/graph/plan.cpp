// Walks the graph once for kernels and layouts, once for in-place results, and packs what is left into one arena.
#include "plan.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "memory.hpp"
#include "ops/infer.hpp"
#include "ops/names.hpp"
#include "ops/print.hpp"
#include "ops/properties.hpp"
#include "work.hpp"

namespace cnn::graph {

namespace {

struct Buffer {
  Place::Kind kind = Place::Kind::arena;
  std::size_t index = 0;  // of an input or external
  std::size_t bytes = 0;
  int first = 0, last = -1;  // steps
  int sharedWith = -1;       // lies in the memory of that buffer
  std::size_t offset = 0;    // so many bytes behind its beginning
  bool isMutated = false;    // by an op, after it was made
};

/// A value in memory: a buffer, read in some shape and layout.
struct Located {
  int buffer = -1;
  TensorDesc desc;
};

struct Planned {
  Op op;
  int node = -1, provider = -1;
  KernelPtr kernel;
  std::vector<int> inputs, outputs;  // buffers; -1: none
  Descs inputDescs;
  bool isConstant = false, isDone = false;  // done: what it would make is there already
};

class Planner {
 public:
  Planner(Device& device, const Graph& graph, std::span<const TensorDesc> inputs, std::span<const TensorDesc> externals, Effort effort)
      : device_(device), effort_(effort), graph_(graph), uses_(graph), inputs_(inputs), externals_(externals), located_(graph.values.size()) {}

  Plan make() {
    isSmall_ = isSmall();
    isCold_ = isCold();
    for (std::size_t id = 0; id < graph_.values.size(); id++) {
      const Value& value = graph_.values[id];
      if (value.origin == Value::Origin::node) continue;
      bool isInput = value.origin == Value::Origin::input;
      auto index = static_cast<std::size_t>(value.index);
      TensorDesc desc = isInput ? inputs_[index] : externals_[index];
      buffers_.push_back({isInput ? Place::Kind::input : Place::Kind::external, index, 0});
      located_[id] = {static_cast<int>(buffers_.size()) - 1, desc};
    }
    for (std::size_t n = 0; n < graph_.nodes.size(); n++) addNode(static_cast<int>(n));
    findLifetimes();
    placeResults();
    storeInPlace();
    gatherInPlace();
    shareInPlace();
    return finish();
  }

 private:
  // Whether one thread does it all in about a twentieth of a millisecond, as two threads would not: the JavaScript thread, which sends the next run, wants a core too.
  bool isSmall() const {
    constexpr double most = 6e6;
    double total = 0;
    for (const Node& node : graph_.nodes) {
      if (node.outputs.empty()) continue;
      Descs descs;
      for (ValueId id : node.inputs) descs.push_back(id == noValue ? TensorDesc() : graph_[id].desc);
      total += vectorMultiplyAdds(node.op, descs, graph_[node.outputs[0]].desc);
    }
    return total <= most;
  }

  // Whether what stays the same, weights above all, is more than a last-level cache keeps beside the activations.
  bool isCold() const {
    const std::size_t kept = device_.backend().cacheBytes();
    std::size_t bytes = 0;
    for (std::size_t id = 0; id < graph_.values.size(); id++) {
      const Value& value = graph_.values[id];
      if (value.origin == Value::Origin::external && uses_.isStable(static_cast<ValueId>(id))) bytes += value.desc.plainBytes();
    }
    return kept > 0 && bytes > kept;
  }

  Located& at(ValueId id) { return located_[static_cast<std::size_t>(id)]; }

  int newBuffer(const TensorDesc& desc, bool isConstant) {
    buffers_.push_back({isConstant ? Place::Kind::constant : Place::Kind::arena, 0, device_.backend().bytes(desc)});
    return static_cast<int>(buffers_.size()) - 1;
  }

  // A value in another layout; made once, as long as nobody overwrites the value.
  Located converted(ValueId id, Layout layout) {
    Located from = at(id);
    if (from.desc.layout == layout) return from;
    const bool isConstant = uses_.isStable(id);  // a view that the caller gets is not, though what it is a view of may be
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
    Planned step{Reorder{}};
    step.kernel = device_.reorder(from.desc, to.desc);
    step.inputs = {from.buffer};
    step.outputs = {to.buffer};
    step.inputDescs = {from.desc};
    step.isConstant = isConstant;
    steps_.push_back(std::move(step));
  }

  void addView(const Node& node) {
    Located from = at(node.inputs[0]);
    // What the caller gets is its own, and no constant.
    if (!from.desc.layout.isPlain()) from = uses_.isResult(node.outputs[0]) ? reorder(from, Layout{}, false) : converted(node.inputs[0], Layout{});
    if (uses_.isMutated(node.outputs[0]) && from.buffer != at(node.inputs[0]).buffer) {
      const Value& origin = graph_[node.inputs[0]];
      if (origin.origin != Value::Origin::node) fail(ErrorKind::backend, "compile: ", cnn::toString(origin.desc), " is overwritten through a view of another layout");
    }
    from.desc.shape = graph_[node.outputs[0]].desc.shape;
    at(node.outputs[0]) = from;
  }

  void addNode(int n) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(n)];
    if (isView(node.op)) return addView(node);
    Descs descs;
    bool isConstant = isPure(node);
    std::uint64_t stable = 0;
    for (ValueId id : node.inputs) {
      if (descs.size() < 64 && id != noValue && uses_.isStable(id)) stable |= std::uint64_t{1} << descs.size();
      descs.push_back(id == noValue ? TensorDesc() : at(id).desc);
      isConstant = isConstant && (id == noValue || uses_.isStable(id));
    }
    for (ValueId id : node.outputs) isConstant = isConstant && uses_.isStable(id);
    Planned step{node.op, n, node.provider};
    step.isConstant = isConstant;
    step.kernel = device_.kernel(node.op, descs, infer(node.op, descs), {effort_, stable, isSmall_, isCold_});
    int count = static_cast<int>(node.inputs.size());
    std::vector<std::pair<ValueId, Located>> writeBack;
    for (int i = 0; i < count; i++) {
      ValueId id = node.inputs[static_cast<std::size_t>(i)];
      if (id == noValue) {
        step.inputs.push_back(-1);
        step.inputDescs.push_back(TensorDesc());
        continue;
      }
      Layout layout = step.kernel->inputLayouts.empty() ? Layout{} : step.kernel->inputLayouts[static_cast<std::size_t>(i)];
      bool isOverwritten = mutates(node.op, i, count);
      Located input = at(id);
      if (input.desc.layout != layout) {
        wish(id, layout);
        if (isOverwritten) {
          input = reorder(input, layout, false);
          writeBack.push_back({id, input});
        } else {
          input = converted(id, layout);
        }
      }
      if (isOverwritten) buffers_[static_cast<std::size_t>(input.buffer)].isMutated = true;
      step.inputs.push_back(input.buffer);
      step.inputDescs.push_back(input.desc);
    }
    for (std::size_t i = 0; i < step.kernel->outputs.size(); i++) {
      const TensorDesc& desc = step.kernel->outputs[i];
      bool isOptional = std::count(step.kernel->optionalOutputs.begin(), step.kernel->optionalOutputs.end(), static_cast<int>(i)) > 0;
      bool isWanted = i < node.outputs.size() && (uses_.isResult(node.outputs[i]) || !uses_.consumers(node.outputs[i]).empty());
      if (isOptional && !isWanted) {
        step.outputs.push_back(-1);
        continue;
      }
      int buffer = newBuffer(desc, isConstant);
      step.outputs.push_back(buffer);
      if (i < node.outputs.size()) at(node.outputs[i]) = {buffer, desc};
    }
    steps_.push_back(std::move(step));
    for (auto& [id, copy] : writeBack) addReorder(copy, at(id), false);
    for (int i = 0; i < count; i++) {
      ValueId id = node.inputs[static_cast<std::size_t>(i)];
      if (id == noValue || !mutates(node.op, i, count)) continue;
      auto first = copies_.lower_bound({at(id).buffer, Dims(), 0, false}), last = copies_.lower_bound({at(id).buffer + 1, Dims(), 0, false});
      copies_.erase(first, last);
    }
  }

  // A parameter that is trained here may lie as its convolution likes it, from now on.
  void wish(ValueId id, Layout layout) {
    const Value& value = graph_[id];
    if (value.origin != Value::Origin::external || !uses_.isMutated(id) || layout.isPlain()) return;
    bool isKnown = std::any_of(wishes_.begin(), wishes_.end(), [&](const auto& each) { return each.first == value.index; });
    if (!isKnown) wishes_.push_back({value.index, layout});
  }

  void findLifetimes() {
    for (std::size_t s = 0; s < steps_.size(); s++) {
      for (int id : steps_[s].outputs) {
        if (id < 0) continue;
        Buffer& buffer = buffers_[static_cast<std::size_t>(id)];
        if (buffer.last < 0) buffer.first = static_cast<int>(s);
        buffer.last = static_cast<int>(s);
      }
      for (int id : steps_[s].inputs) {
        if (id >= 0) buffers_[static_cast<std::size_t>(id)].last = static_cast<int>(s);
      }
    }
  }

  // What the caller gets has memory of its own.
  void placeResults() {
    for (ValueId id : graph_.results) {
      Buffer& buffer = buffers_[static_cast<std::size_t>(at(id).buffer)];
      if (buffer.kind != Place::Kind::arena) continue;
      buffer.kind = Place::Kind::result;
      buffer.index = plan_.resultBytes.size();
      plan_.resultBytes.push_back(buffer.bytes);
    }
  }

  int rootOf(int id) const {
    while (buffers_[static_cast<std::size_t>(id)].sharedWith >= 0) id = buffers_[static_cast<std::size_t>(id)].sharedWith;
    return id;
  }

  // Bytes from where its root begins.
  std::size_t offsetOf(int id) const {
    std::size_t offset = 0;
    for (; id >= 0; id = buffers_[static_cast<std::size_t>(id)].sharedWith) offset += buffers_[static_cast<std::size_t>(id)].offset;
    return offset;
  }

  // What is made only to be copied over a tensor (a counter's next value) is made there.
  void storeInPlace() {
    for (std::size_t s = 0; s < steps_.size(); s++) {
      Planned& copy = steps_[s];
      if (!std::holds_alternative<Copy>(copy.op) || copy.inputDescs[0].layout != copy.inputDescs[1].layout) continue;
      int target = rootOf(copy.inputs[0]), source = copy.inputs[1];
      Buffer& made = buffers_[static_cast<std::size_t>(source)];
      bool isOnlyCopied = made.kind == Place::Kind::arena && made.sharedWith < 0 && !made.isMutated && made.last == static_cast<int>(s);
      if (!isOnlyCopied || buffers_[static_cast<std::size_t>(target)].kind != Place::Kind::external) continue;
      auto uses = [&](const Planned& step) {
        auto isTarget = [&](int id) { return id >= 0 && rootOf(id) == target; };
        return std::any_of(step.inputs.begin(), step.inputs.end(), isTarget) || std::any_of(step.outputs.begin(), step.outputs.end(), isTarget);
      };
      // Between the two nobody may want what the tensor held before; who makes the value may read it element by element.
      if (std::any_of(steps_.begin() + made.first + 1, steps_.begin() + static_cast<int>(s), uses)) continue;
      const Planned& maker = steps_[static_cast<std::size_t>(made.first)];
      if (failsByValue(maker.op)) continue;  // the tensor keeps its values then
      const std::vector<int>& inputs = maker.kernel->inPlace;
      bool isInPlace = maker.outputs[0] == source && std::any_of(inputs.begin(), inputs.end(), [&](int i) {
        return i < static_cast<int>(maker.inputs.size()) && maker.inputs[static_cast<std::size_t>(i)] >= 0 &&
               rootOf(maker.inputs[static_cast<std::size_t>(i)]) == target && isReplaceable(maker, i);
      });
      if (uses(maker) && !isInPlace) continue;
      made.sharedWith = target;
      copy.isDone = true;
    }
  }

  // Of all that a step reads, only input i lies there, in the layout and size of output 0: element k of one lies where element k of the other lies.
  bool isReplaceable(const Planned& step, int i) const {
    int root = rootOf(step.inputs[static_cast<std::size_t>(i)]);
    const TensorDesc &from = step.inputDescs[static_cast<std::size_t>(i)], &to = step.kernel->outputs[0];
    bool isAlike = from.layout == to.layout && from.shape == to.shape && from.dtype == to.dtype;
    return isAlike && std::count_if(step.inputs.begin(), step.inputs.end(), [&](int other) { return other >= 0 && rootOf(other) == root; }) == 1;
  }

  // What is only put side by side is made at its place, and need not be copied there.
  void gatherInPlace() {
    for (Planned& step : steps_) {
      const std::vector<std::size_t>& pieces = step.kernel->pieces;
      if (pieces.empty() || step.isConstant) continue;
      int whole = step.outputs[0];
      bool isPossible = !buffers_[static_cast<std::size_t>(whole)].isMutated;
      for (std::size_t i = 0; i < step.inputs.size(); i++) {
        const Buffer& part = buffers_[static_cast<std::size_t>(step.inputs[i])];
        bool isOnce = std::count(step.inputs.begin(), step.inputs.end(), step.inputs[i]) == 1;
        isPossible = isPossible && isOnce && part.kind == Place::Kind::arena && part.sharedWith < 0 && !part.isMutated;
      }
      if (!isPossible) continue;
      Buffer& output = buffers_[static_cast<std::size_t>(whole)];
      for (std::size_t i = 0; i < step.inputs.size(); i++) {
        Buffer& part = buffers_[static_cast<std::size_t>(step.inputs[i])];
        part.sharedWith = whole;
        part.offset = pieces[i];
        output.first = std::min(output.first, part.first);
        output.last = std::max(output.last, part.last);
      }
      step.isDone = true;
    }
  }

  // An input that is read for the last time gives its memory to the output.
  void shareInPlace() {
    for (std::size_t s = 0; s < steps_.size(); s++) {
      Planned& step = steps_[s];
      if (step.isConstant || step.isDone || step.outputs.empty()) continue;
      Buffer& output = buffers_[static_cast<std::size_t>(step.outputs[0])];
      if (output.kind != Place::Kind::arena || output.sharedWith >= 0) continue;
      for (int i : step.kernel->inPlace) {
        if (i >= static_cast<int>(step.inputs.size())) continue;
        int id = step.inputs[static_cast<std::size_t>(i)];
        if (id < 0) continue;
        int root = rootOf(id);
        Buffer& input = buffers_[static_cast<std::size_t>(root)];
        bool isFree = input.kind == Place::Kind::arena && input.last == static_cast<int>(s);
        if (!isFree || !isReplaceable(step, i) || buffers_[static_cast<std::size_t>(id)].bytes < output.bytes) continue;
        output.sharedWith = root;
        output.offset = offsetOf(id);
        input.last = std::max(input.last, output.last);
        break;
      }
    }
  }

  Plan finish() {
    std::vector<Lifetime> lifetimes, constantLifetimes;
    std::vector<std::size_t> slot(buffers_.size());
    for (std::size_t id = 0; id < buffers_.size(); id++) {
      Buffer& buffer = buffers_[id];
      if (buffer.kind == Place::Kind::arena && buffer.sharedWith < 0) {
        slot[id] = lifetimes.size();
        lifetimes.push_back({buffer.bytes, buffer.first, buffer.last});
      }
      if (buffer.kind == Place::Kind::constant) {
        buffer.index = plan_.constantBytes.size();
        plan_.constantBytes.push_back(buffer.bytes);
      }
    }
    std::vector<std::size_t> workspaces(steps_.size());
    for (std::size_t s = 0; s < steps_.size(); s++) {
      if (steps_[s].kernel->workspaceBytes == 0) continue;
      auto& list = steps_[s].isConstant ? constantLifetimes : lifetimes;
      workspaces[s] = list.size();
      list.push_back({steps_[s].kernel->workspaceBytes, static_cast<int>(s), static_cast<int>(s)});
    }
    Arena arena = packArena(lifetimes), constantArena = packArena(constantLifetimes);
    plan_.arenaBytes = arena.bytes;
    plan_.constantArenaBytes = constantArena.bytes;
    auto placeOf = [&](int id) -> Place {
      if (id < 0) return {};
      auto root = static_cast<std::size_t>(rootOf(id));
      const Buffer& buffer = buffers_[root];
      return {buffer.kind, buffer.kind == Place::Kind::arena ? arena.offsets[slot[root]] : buffer.index, offsetOf(id)};
    };
    for (std::size_t s = 0; s < steps_.size(); s++) {
      Planned& planned = steps_[s];
      if (planned.isDone) continue;
      Step step{std::move(planned.op), planned.node, planned.provider, planned.kernel, {}, {}, {}, std::move(planned.inputDescs)};
      if (step.node >= 0) step.site = graph_.nodes[static_cast<std::size_t>(step.node)].site;
      for (int id : planned.inputs) step.inputs.push_back(placeOf(id));
      for (int id : planned.outputs) step.outputs.push_back(placeOf(id));
      if (planned.kernel->workspaceBytes) {
        step.workspace = {Place::Kind::arena, (planned.isConstant ? constantArena : arena).offsets[workspaces[s]]};
      }
      (planned.isConstant ? plan_.constants : plan_.steps).push_back(std::move(step));
    }
    for (ValueId id : graph_.results) plan_.outputs.push_back({placeOf(at(id).buffer), at(id).desc});
    for (const TensorDesc& desc : inputs_) plan_.inputLayouts.push_back(desc.layout);
    for (const TensorDesc& desc : externals_) plan_.externalLayouts.push_back(desc.layout);
    plan_.isConstantKept.resize(plan_.constantBytes.size());
    for (const Step& step : plan_.steps) {
      for (const Place& place : step.inputs) {
        if (place.kind == Place::Kind::constant) plan_.isConstantKept[place.at] = true;
      }
    }
    plan_.wishes = std::move(wishes_);
    return std::move(plan_);
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
  Effort effort_;
  bool isSmall_ = false, isCold_ = false;
  const Graph& graph_;
  const Uses uses_;
  std::span<const TensorDesc> inputs_, externals_;
  std::vector<Located> located_;  // by value
  std::vector<Buffer> buffers_;
  std::vector<Planned> steps_;
  std::map<CopyOrder::Key, Located, CopyOrder> copies_;
  std::vector<std::pair<int, Layout>> wishes_;
  Plan plan_;
};

}  // namespace

Plan makePlan(Device& device, const Graph& graph, std::span<const TensorDesc> inputs, std::span<const TensorDesc> externals, Effort effort) {
  return Planner(device, graph, inputs, externals, effort).make();
}

}  // namespace cnn::graph

// How ops become nodes, memory becomes values, and what the function did to gradients becomes its effects.
#include "recorder.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "ops/names.hpp"
#include "ops/print.hpp"
#include "ops/properties.hpp"

namespace cnn::graph {

Recorder::Recorder(Session& session, std::vector<Tensor> inputs)
    : Trace(session.nextSequence() + 1), session_(session), inputs_(std::move(inputs)) {
  if (session.trace)
    fail(ErrorKind::value,
         "compile: a compiled function was called while another one is recorded; call the function itself there");
  Graph& graph = recording_.graph;
  for (std::size_t i = 0; i < inputs_.size(); i++) {
    const Tensor& input = inputs_[i];
    if (input->storage->isSymbolic())
      fail(ErrorKind::value, "compile: argument ", i, " was made while a function was recorded: it has no values");
    if (input->node) {
      fail(ErrorKind::gradient, "compile: argument ", i, " ", cnn::toString(input.desc()),
           " is a result that wants a gradient, which does not flow through a compiled function; detach() it");
    }
    if (recording_.device && recording_.device != input.device()) {
      fail(ErrorKind::device, "compile: the arguments are on ", recording_.device->name(), " and ",
           input.device()->name(), ", expected one device");
    }
    recording_.device = input.device();
    TensorDesc desc(input.dtype(), input.shape());
    recording_.inputs.push_back(desc);
    graph.values.push_back({Value::Origin::input, static_cast<int>(i), desc});
    auto [first, isNew] = known_.try_emplace(input->storage.get(), Known{static_cast<ValueId>(i), input->storage});
    if (!isNew) recording_.sharedInputs.emplace_back(first->second.id, i);
  }
  recording_.firstOffset = session.offset();
  session.trace = this;
  session.casts.reset();  // what was cast before is no part of this function, and what is cast now none of another
}

Recorder::~Recorder() { restore(); }

void Recorder::restore() {
  if (!isRecording_) return;
  isRecording_ = false;
  session_.trace = nullptr;
  session_.casts.reset();
  session_.setOffset(recording_.firstOffset);
  for (Touched& touched : touched_) touched.leaf->grad = touched.before;
}

const Tensor& Recorder::originOf(const Tensor& tensor) const {
  const Tensor* origin = &tensor;
  for (auto made = made_.find(origin->impl().get()); made != made_.end(); made = made_.find(origin->impl().get()))
    origin = &made->second.of;
  return *origin;
}

Leaf Recorder::leafOf(const std::shared_ptr<TensorImpl>& tensor) const {
  auto argument =
      std::find_if(inputs_.begin(), inputs_.end(), [&](const Tensor& input) { return input.impl() == tensor; });
  if (argument == inputs_.end()) return {tensor, -1};
  return {{}, static_cast<int>(argument - inputs_.begin())};
}

bool Recorder::isConstant(const Storage& storage) const {
  return std::any_of(constants_.begin(), constants_.end(),
                     [&](const Tensor& each) { return each->storage.get() == &storage; });
}

bool Recorder::isMadeHere(const std::shared_ptr<TensorImpl>& tensor) const {
  return made_.contains(tensor.get()) || tensor->storage->isSymbolic() || isConstant(*tensor->storage);
}

Name Recorder::nameFor(const Tensor& tensor) const {
  auto wanted = wantedGrad_.find(tensor.impl());
  return {.tensor = tensor.impl(), .requiresGrad = wanted == wantedGrad_.end() ? tensor->requiresGrad : wanted->second};
}

bool Recorder::isFirstName(const Tensor& tensor, ValueId id) const {
  const Value& value = recording_.graph[id];
  if (value.origin != Value::Origin::captured) return false;
  const CapturedTensor& captured = recording_.captured[static_cast<std::size_t>(value.index)];
  return !captured.constant && !captured.name.isGradient && captured.name.tensor.lock() == tensor.impl();
}

ValueId Recorder::addCaptured(const Tensor& tensor) {
  if (recording_.device && recording_.device != tensor.device()) {
    fail(ErrorKind::device, "compile: ", cnn::toString(tensor.desc()), " is on ", tensor.device()->name(),
         ", expected ", recording_.device->name());
  }
  recording_.device = tensor.device();
  CapturedTensor captured;
  Value value{Value::Origin::captured, static_cast<int>(recording_.captured.size()),
              TensorDesc(tensor.dtype(), tensor.shape())};
  auto of =
      std::find_if(touched_.begin(), touched_.end(), [&](const Touched& each) { return each.before == tensor.impl(); });
  if (of != touched_.end()) {
    captured.name = {.gradientOf = leafOf(of->leaf), .isGradient = true};
    of->isReadFirst = of->isNamed = true;
    value.isReplaced = true;
  } else if (isConstant(*tensor->storage) || tensor->handles == 0) {
    captured.constant = tensor;
  } else {
    captured.name = nameFor(tensor);
  }
  recording_.captured.push_back(std::move(captured));
  recording_.graph.values.push_back(value);
  return static_cast<ValueId>(recording_.graph.values.size()) - 1;
}

// The gradients of several leaves may be one tensor, which later runs need not find again.
void Recorder::addGradientNames(const Tensor& tensor, ValueId id) {
  for (Touched& each : touched_) {
    if (each.isNamed || each.before != tensor.impl()) continue;
    each.isReadFirst = each.isNamed = true;
    recording_.aliases.push_back({{.gradientOf = leafOf(each.leaf), .isGradient = true}, id});
  }
}

void Recorder::addAlias(const Tensor& tensor, const Tensor& alias) {
  made_.emplace(alias.impl().get(), Made{alias, tensor});
}

// The value that a tensor's memory holds, in whatever shape.
ValueId Recorder::rootOf(const Tensor& tensor) {
  const Storage& storage = *tensor->storage;
  ValueId id = storage.valueIn(*this);
  if (id == noValue) {
    if (storage.isSymbolic())
      fail(ErrorKind::value, "compile: a tensor was made while another function was recorded: it has no values");
    const Tensor& origin = originOf(tensor);
    auto found = known_.find(&storage);
    if (found == known_.end()) {
      if (tensor->node) {
        fail(ErrorKind::gradient, "compile: ", cnn::toString(tensor.desc()),
             " was computed before and wants a gradient, which does not flow through a compiled function; detach() it");
      }
      found = known_.emplace(&storage, Known{addCaptured(origin), tensor->storage}).first;
    }
    id = found->second.id;
    addGradientNames(origin, id);
  }
  for (auto next = current_.find(id); next != current_.end(); next = current_.find(id)) id = next->second;
  return id;
}

ValueId Recorder::view(ValueId id, const Dims& shape) {
  Graph& graph = recording_.graph;
  auto [found, isNew] = views_.try_emplace({id, text(shape, versions_[id])}, static_cast<ValueId>(graph.values.size()));
  if (isNew) {
    ValueId y = graph.add(TensorDesc(graph[id].desc.dtype, shape));
    graph.nodes.push_back({Reshape{.shape = shape}, {id}, {y}});
  }
  return found->second;
}

ValueId Recorder::use(const Tensor& tensor) {
  ValueId id = rootOf(tensor);
  return recording_.graph[id].desc.shape == tensor.shape() ? id : view(id, tensor.shape());
}

// The function makes a constant anew each time, so who may overwrite it gets a copy.
void Recorder::makeOverwritable(const Tensor& tensor) {
  Graph& graph = recording_.graph;
  const ValueId root = rootOf(tensor);
  const Value value = graph[root];
  if (value.origin != Value::Origin::captured || !recording_.captured[static_cast<std::size_t>(value.index)].constant)
    return;
  const Dims& shape = value.desc.shape;
  Slice copy;
  copy.stops = shape;
  for (int i = 0; i < shape.size(); i++) {
    copy.starts.push(0);
    copy.steps.push(1);
  }
  const ValueId made = graph.add(value.desc);
  graph.nodes.push_back({copy, {root}, {made}});
  current_[root] = made;
}

Tensors Recorder::add(const Op& op, std::span<const Tensor> inputs, const Descs& outputs, const DevicePtr& device) {
  Graph& graph = recording_.graph;
  if (isView(op)) {  // the same memory: whoever reads it makes the view
    rootOf(inputs[0]);
    Tensor y = inputs[0].detach();
    y->desc = outputs[0];
    addAlias(inputs[0], y);
    return {y};
  }
  if (recording_.device && device != recording_.device) {
    fail(ErrorKind::device, "compile: ", nameOf(op), " is on ", device->name(), ", expected ",
         recording_.device->name(), " as all before");
  }
  recording_.device = device;
  Node node{op, {}, {}};
  node.site = session_.site();
  int count = static_cast<int>(inputs.size());
  for (int i = 0; i < count; i++) {
    const Tensor& input = inputs[static_cast<std::size_t>(i)];
    if (input && mutates(op, i, count)) makeOverwritable(input);
  }
  for (const Tensor& input : inputs) node.inputs.push_back(input ? use(input) : noValue);
  for (int i = 0; i < count; i++) {
    const Tensor& input = inputs[static_cast<std::size_t>(i)];
    if (!input || !mutates(op, i, count)) continue;
    ValueId root = rootOf(input), id = node.inputs[static_cast<std::size_t>(i)];
    if (root != id) {
      if (graph[root].origin != Value::Origin::node) {
        fail(ErrorKind::value, "compile: ", nameOf(op), " overwrites a view of ", cnn::toString(graph[root].desc),
             ", expected that tensor itself");
      }
      current_[root] = id;
    }
    versions_[id]++;
  }
  Tensors results;
  for (const TensorDesc& desc : outputs) {
    ValueId id = graph.add(TensorDesc(desc.dtype, desc.shape));
    node.outputs.push_back(id);
    results.push_back(Tensor::symbolic(device, TensorDesc(desc.dtype, desc.shape), *this, id));
  }
  graph.nodes.push_back(std::move(node));
  return results;
}

void Recorder::touchGradient(const std::shared_ptr<TensorImpl>& leaf, bool isRead) {
  auto touched = std::find_if(touched_.begin(), touched_.end(), [&](const Touched& each) { return each.leaf == leaf; });
  if (touched == touched_.end())
    touched = touched_.insert(touched, {.leaf = leaf, .before = leaf->grad, .isReadFirst = isRead});
  if (!isRead) touched->isReplaced = true;
}

int Recorder::provideDynamic() {
  if (recording_.graph.nodes.empty())
    fail(ErrorKind::value, "compile: no op was recorded whose fields could be provided");
  return recording_.graph.nodes.back().provider = recording_.providers++;
}

Recording Recorder::finish(std::span<const Tensor> results, std::span<const Tensor> named) {
  Graph& graph = recording_.graph;
  for (const Tensor& tensor : named) {
    auto known = known_.find(tensor->storage.get());
    if (known == known_.end() || isFirstName(tensor, known->second.id)) continue;
    recording_.aliases.push_back({nameFor(tensor), known->second.id});
  }
  for (const Tensor& tensor : results) {
    if (tensor.requiresGrad()) {
      fail(ErrorKind::gradient, "compile: the result ", cnn::toString(tensor.desc()),
           " wants a gradient, which does not flow out of a compiled function; call backward() inside of it, or "
           "compile within noGrad()");
    }
    makeOverwritable(tensor);
    graph.results.push_back(use(tensor));
  }
  recording_.resultCount = results.size();
  for (const Touched& touched : touched_) {
    if (isMadeHere(touched.leaf)) continue;  // it ends with the function
    Leaf leaf = leafOf(touched.leaf);
    if (touched.isReadFirst) recording_.guards.push_back({leaf, touched.before != nullptr});
    const auto& after = touched.leaf->grad;
    if (after == touched.before && !touched.isReplaced) continue;
    GradientEffect effect{leaf};
    if (after) {
      makeOverwritable(Tensor(after));
      effect.result = static_cast<int>(graph.results.size());
      graph.results.push_back(use(Tensor(after)));
    }
    recording_.effects.push_back(std::move(effect));
  }
  for (const auto& [leaf, before] : wantedGrad_) {
    if (leaf->requiresGrad != before && !isMadeHere(leaf))
      recording_.requiresGradEffects.push_back({leafOf(leaf), leaf->requiresGrad});
  }
  recording_.offsetCount = session_.offset() - recording_.firstOffset;
  if (!recording_.device) fail(ErrorKind::value, "compile: the function used no tensor");
  restore();
  inputs_.clear();
  constants_.clear();
  known_.clear();
  made_.clear();
  wantedGrad_.clear();
  return std::move(recording_);
}

}  // namespace cnn::graph

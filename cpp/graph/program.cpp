// A program from its recording to its runs: it asks for a plan, and after a call does to gradients and counters what
// the function did.
#include "program.hpp"

#include <algorithm>

#include "core/apply.hpp"
#include "dynamics.hpp"
#include "ops/properties.hpp"
#include "passes/passes.hpp"

namespace cnn::graph {

Program::Program(Recording recording, std::shared_ptr<ConstantCache> constants, Tolerance tolerance, Index microBatch)
    : recording_(std::move(recording)),
      tolerance_(tolerance),
      microBatch_(microBatch),
      program_(std::make_shared<Optimised>(*recording_.device, std::move(recording_.graph))),
      overwritten_(program_->recorded, recording_.captured.size()),
      cache_(std::move(constants)) {
  const Graph& graph = program_->recorded;
  std::vector<std::size_t> counts(static_cast<std::size_t>(recording_.providers));
  for (const Node& node : graph.nodes) {
    if (node.provider >= 0) counts[static_cast<std::size_t>(node.provider)] = dynamicCount(node.op);
  }
  for (std::size_t count : counts) {
    providerStarts_.push_back(providedFields_);
    providedFields_ += count;
  }
  Uses uses(graph);
  hasMoved_.resize(recording_.captured.size());
  shapes_.resize(recording_.captured.size());
  for (const Value& value : graph.values) {
    if (value.origin == Value::Origin::captured) shapes_[static_cast<std::size_t>(value.index)] = value.desc.shape;
  }
  for (ValueId id : graph.results) {
    Result result{.desc = graph[id].desc};
    for (int n = uses.producer(id); n >= 0 && isView(graph.nodes[static_cast<std::size_t>(n)].op);
         n = uses.producer(id)) {
      id = graph.nodes[static_cast<std::size_t>(n)].inputs[0];
      result.isReshaped = true;
    }
    result.origin = graph[id].origin;
    result.index = result.origin == Value::Origin::node ? id : graph[id].index;
    results_.push_back(result);
  }
  findRisks(graph);
}

// A fresh program may have lost what it uses while it was recorded.
Program::Present Program::gather(std::span<const Tensor> inputs) {
  Present present(&captured_);
  for (std::size_t i = 0; i < recording_.captured.size(); i++) {
    captured_.emplace_back(tensorOf(recording_.captured[i], inputs));
    if (!captured_.back())
      fail(ErrorKind::disposed, "compile: a tensor of shape ", shapes_[i], " that the function uses was disposed");
  }
  return present;
}

bool Program::hasPlan() const {
  if (!plan_) return false;
  for (std::size_t i = 0; i < recording_.captured.size(); i++) {
    if (captured(i).desc().layout != plan_->capturedLayouts[i]) return false;
  }
  return true;
}

// Takes the plan that the queue has made. Parameters that are trained move to the layouts that their convolutions like,
// if nobody else holds their memory.
void Program::adopt(Session& session) {
  if (!preparation_ || !preparation_->isDone()) return;
  auto made = std::move(preparation_);
  if (made->hasFailed()) return;  // it is tried again
  bool haveAllMoved = true, hasAnyMoved = false;
  runs_ = 0;
  for (const auto& [i, layout] : made->moves()) {
    auto at = static_cast<std::size_t>(i);
    Tensor tensor = captured(at);
    hasMoved_[at] = true;
    if (tensor->storage.use_count() > 1 || tensor.desc().layout != made->given().captured[at].layout) {
      haveAllMoved = false;
      continue;
    }
    Tensor moved = withLayout(session, tensor, layout);
    moved->storage->version = tensor->storage->version;
    tensor->storage = moved->storage;
    tensor->desc.layout = layout;
    hasAnyMoved = true;
  }
  if (!hasAnyMoved) {
    plan_ = made->plan();
    constants_ = made->constants();
  } else if (haveAllMoved) {
    plan_ = made->next();
    constants_ = std::make_shared<Constants>(cache_, *recording_.device, plan_);
  }
}

// Asks for a plan for the layouts in which the tensors lie now, where there is none.
void Program::prepare(Session& session, std::span<const Tensor> inputs) {
  if (!inputLayouts_) {
    inputLayouts_.emplace();
    for (const Tensor& input : inputs) inputLayouts_->push_back(input.desc().layout);
  }
  adopt(session);
  if (hasPlan()) return;
  plan_ = nullptr;
  constants_ = nullptr;
  Given given{.tolerance = tolerance_, .microBatch = microBatch_};
  for (std::size_t i = 0; i < inputs.size(); i++)
    given.inputs.push_back(TensorDesc(inputs[i].dtype(), inputs[i].shape(), (*inputLayouts_)[i]));
  for (std::size_t i = 0; i < recording_.captured.size(); i++) {
    Tensor tensor = captured(i);
    given.captured.push_back(TensorDesc(tensor.dtype(), shapes_[i], tensor.desc().layout));
    given.mayMove.push_back(!recording_.captured[i].name.isGradient && !hasMoved_[i] &&
                            tensor->storage.use_count() <= 1);
  }
  if (preparation_ && preparation_->given().captured == given.captured) return;
  preparation_ = std::make_shared<Preparation>(*recording_.device, program_, cache_, std::move(given));
}

void Program::prepareAhead(Session& session, std::span<const Tensor> inputs,
                           std::function<void(const FailurePtr&)> done) {
  const Present present = gather(inputs);
  prepare(session, inputs);
  auto run = [preparation = preparation_, done = std::move(done)] {
    FailurePtr failure;
    try {
      if (preparation) preparation->plan();
    } catch (const std::exception& exception) {
      failure = std::make_shared<const Failure>(QueuedError(asError(exception), nullptr));
    }
    done(failure);
  };
  recording_.device->queue().push(std::move(run), session.client());
}

// What constants are computed from, as it is at this call: a run that finds it changed computes them again.
void Program::noteSources() {
  auto sourceOf = [&](std::size_t i) {
    if (overwritten_.captured[i]) return Source();
    const Storage& storage = *captured(i)->storage;
    return Source{storage.id(), storage.version};
  };
  std::size_t count = recording_.captured.size(), same = 0;
  while (sources_ && same < count && (*sources_)[same] == sourceOf(same)) same++;
  if (sources_ && same == count) return;
  Sources sources;
  for (std::size_t i = 0; i < count; i++) sources.push_back(sourceOf(i));
  sources_ = std::make_shared<const Sources>(std::move(sources));
}

Tensors Program::run(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics) {
  return launch(session, inputs, dynamics, {});
}

Tensors Program::profile(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics,
                         Profiled done) {
  return launch(session, inputs, dynamics, std::move(done));
}

Tensors Program::launch(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics,
                        Profiled done) {
  if (dynamics.size() != providedFields_) {
    fail(ErrorKind::value, "compile: got ", dynamics.size(), " dynamic fields, expected ", providedFields_);
  }
  const Present present = gather(inputs);
  prepare(session, inputs);
  noteSources();
  Launch launch{.plan = plan_};

  Tensors given;
  for (std::size_t i = 0; i < inputs.size(); i++) given.push_back(withLayout(session, inputs[i], (*inputLayouts_)[i]));
  for (std::size_t i = 0; i < recording_.captured.size(); i++) launch.captured.push_back(captured(i)->storage->data());
  Fields fields{
      providerStarts_, {dynamics.begin(), dynamics.end()}, session.seed(), session.offset() - recording_.firstOffset};
  Tensors outputs = plan_ ? enqueue(session, std::move(launch), given, fields, std::move(done))
                          : enqueueFirst(session, std::move(launch), given, std::move(fields), std::move(done));
  for (std::size_t i = 0; i < recording_.captured.size(); i++) {
    if (overwritten_.captured[i]) captured(i)->storage->version++;
  }
  for (const GradientEffect& effect : recording_.effects) {
    auto leaf = leafOf(effect.leaf, inputs);
    if (leaf) leaf->grad = effect.result < 0 ? nullptr : outputs[static_cast<std::size_t>(effect.result)].impl();
  }
  for (const RequiresGradEffect& effect : recording_.requiresGradEffects) {
    if (auto leaf = leafOf(effect.leaf, inputs)) leaf->requiresGrad = effect.requiresGrad;
  }
  session.setOffset(session.offset() + recording_.offsetCount);
  outputs.resize(recording_.resultCount);
  return outputs;
}

std::string Program::textAfter(std::size_t count) const {
  return toString(program_->after(std::min(count, passes().size())));
}

ProgramFigures Program::figures() const {
  ProgramFigures figures;
  figures.recordedNodes = program_->recorded.nodes.size();
  figures.nodes = program_->graph().nodes.size();
  std::shared_ptr<const Plan> plan = plan_;
  if (!plan && preparation_) {
    plan = preparation_->plan();
    if (preparation_->isDone()) plan = preparation_->next();  // from then on it stays
  }
  if (!plan) return figures;
  figures.steps = plan->steps.size();
  figures.constantSteps = plan->constants.size();
  for (const Step& step : plan->steps) figures.reorders += std::holds_alternative<Reorder>(step.op) ? 1 : 0;
  figures.arenaBytes = plan->arenaBytes;
  figures.microBatch = plan->samples;
  for (std::size_t i = 0; i < plan->constantBytes.size(); i++)
    figures.constantBytes += plan->isConstantKept[i] ? plan->constantBytes[i] : 0;
  for (std::size_t bytes : plan->resultBytes) figures.resultBytes += bytes;
  return figures;
}

}  // namespace cnn::graph

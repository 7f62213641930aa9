// Running a plan: pointers for this run, one task on the queue, then what the function did to gradients and counters.
#include "program.hpp"

#include <algorithm>
#include <map>

#include "core/apply.hpp"
#include "dynamics.hpp"
#include "ops/properties.hpp"
#include "passes/passes.hpp"
#include "replay.hpp"

namespace cnn::graph {

namespace {

std::shared_ptr<TensorImpl> leafOf(const Leaf& leaf, std::span<const Tensor> inputs) {
  return leaf.input < 0 ? leaf.tensor.lock() : inputs[static_cast<std::size_t>(leaf.input)].impl();
}

}  // namespace

Program::Program(Recording recording, std::shared_ptr<ConstantCache> constants, Effort effort, Index samplesAtOnce)
    : recording_(std::move(recording)), effort_(effort), samplesAtOnce_(samplesAtOnce),
      program_(std::make_shared<Optimised>(*recording_.device, std::move(recording_.graph))), cache_(std::move(constants)) {
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
  isMutated_.resize(recording_.externals.size());
  hasMoved_.resize(recording_.externals.size());
  shapes_.resize(recording_.externals.size());
  for (std::size_t id = 0; id < graph.values.size(); id++) {
    const Value& value = graph.values[id];
    if (value.origin == Value::Origin::input && uses.isMutated(static_cast<ValueId>(id))) overwritesInputs_ = true;
    if (value.origin != Value::Origin::external) continue;
    isMutated_[static_cast<std::size_t>(value.index)] = uses.isMutated(static_cast<ValueId>(id));
    shapes_[static_cast<std::size_t>(value.index)] = value.desc.shape;
  }
  for (ValueId id : graph.results) {
    Result result{.desc = graph[id].desc};
    for (int n = uses.producer(id); n >= 0 && isView(graph.nodes[static_cast<std::size_t>(n)].op); n = uses.producer(id)) {
      id = graph.nodes[static_cast<std::size_t>(n)].inputs[0];
      result.isReshaped = true;
    }
    result.origin = graph[id].origin;
    result.index = result.origin == Value::Origin::node ? id : graph[id].index;
    results_.push_back(result);
  }
  findRisks(graph);
}

std::vector<std::pair<std::size_t, Op>> Program::Fields::of(const Plan& plan) const {
  std::vector<std::pair<std::size_t, Op>> bound;
  for (std::size_t s = 0; s < plan.steps.size(); s++) {
    const Step& step = plan.steps[s];
    if (step.provider < 0 && !isRandom(step.op)) continue;
    Op op = step.op;
    if (step.provider >= 0) {
      setDynamicFields(op, std::span(dynamics).subspan(starts[static_cast<std::size_t>(step.provider)], dynamicCount(op)));
    }
    std::visit(
        [&](auto& each) {
          if constexpr (requires { each.seed; }) {
            each.seed = seed;
            each.offset += shift;
          }
        },
        op);
    bound.emplace_back(s, std::move(op));
  }
  return bound;
}

std::shared_ptr<TensorImpl> Program::find(const Name& name, std::span<const Tensor> inputs) const {
  if (!name.isGradient) return name.tensor.lock();
  auto leaf = leafOf(name.gradientOf, inputs);
  return leaf ? leaf->grad : nullptr;
}

std::shared_ptr<TensorImpl> Program::find(std::size_t i, std::span<const Tensor> inputs) const {
  const External& external = recording_.externals[i];
  return external.constant ? external.constant.impl() : find(external.name, inputs);
}

bool Program::isNameRight(const Name& name, const Storage& storage, std::span<const Tensor> inputs) const {
  auto tensor = find(name, inputs);
  return tensor && tensor->storage.get() == &storage && (name.isGradient || tensor->requiresGrad == name.requiresGrad);
}

// What is overwritten shares no memory with anything that was apart from it in the recording.
bool Program::areApart(std::span<const Tensor> inputs, std::span<const Storage* const> externals) const {
  for (std::size_t i = 0; i < inputs.size(); i++) {
    const Storage* storage = inputs[i]->storage.get();
    for (std::size_t k = 0; k < externals.size(); k++) {
      if (externals[k] == storage && (isMutated_[k] || overwritesInputs_)) return false;
    }
    for (std::size_t k = 0; overwritesInputs_ && k < i; k++) {
      auto isShared = [&](const auto& pair) { return pair.second == i; };
      const auto& shared = recording_.sharedInputs;
      if (inputs[k]->storage.get() == storage && std::none_of(shared.begin(), shared.end(), isShared)) return false;
    }
  }
  return true;
}

bool Program::holds(std::span<const Tensor> inputs) const {
  std::vector<const Storage*> storages;
  storages.reserve(recording_.externals.size());
  for (std::size_t i = 0; i < recording_.externals.size(); i++) {
    const External& each = recording_.externals[i];
    auto tensor = find(i, inputs);
    if (!tensor || tensor->storage->device() != recording_.device) return false;
    if (!each.constant && !each.name.isGradient && tensor->requiresGrad != each.name.requiresGrad) return false;
    storages.push_back(tensor->storage.get());
  }
  for (const Alias& each : recording_.aliases) {
    const Value& value = program_->recorded[each.value];
    auto index = static_cast<std::size_t>(value.index);
    const Storage* storage = value.origin == Value::Origin::input ? inputs[index]->storage.get() : storages[index];
    if (!isNameRight(each.name, *storage, inputs)) return false;
  }
  for (auto [first, second] : recording_.sharedInputs) {
    if (inputs[first]->storage != inputs[second]->storage) return false;
  }
  for (const GradientGuard& guard : recording_.guards) {
    auto leaf = leafOf(guard.leaf, inputs);
    if (!leaf || (leaf->grad != nullptr) != guard.hasGradient) return false;
  }
  return areApart(inputs, storages);
}

// A fresh program may have lost what it uses while it was recorded.
Program::Present Program::gather(std::span<const Tensor> inputs) {
  Present present(&externals_);
  for (std::size_t i = 0; i < recording_.externals.size(); i++) {
    externals_.emplace_back(find(i, inputs));
    if (!externals_.back()) fail(ErrorKind::disposed, "compile: a tensor of shape ", shapes_[i], " that the function uses was disposed");
  }
  return present;
}

bool Program::hasPlan() const {
  if (!plan_) return false;
  for (std::size_t i = 0; i < recording_.externals.size(); i++) {
    if (external(i).desc().layout != plan_->externalLayouts[i]) return false;
  }
  return true;
}

// Takes the plan that the queue has made. Parameters that are trained move to the layouts that their convolutions like, if nobody else holds their memory.
void Program::adopt(Session& session) {
  if (!preparation_ || !preparation_->isDone()) return;
  auto made = std::move(preparation_);
  if (made->hasFailed()) return;  // it is tried again
  bool haveAllMoved = true, hasAnyMoved = false;
  runs_ = 0;
  for (const auto& [i, layout] : made->moves()) {
    auto at = static_cast<std::size_t>(i);
    Tensor tensor = external(at);
    hasMoved_[at] = true;
    if (tensor->storage.use_count() > 1 || tensor.desc().layout != made->given().externals[at].layout) {
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
  Given given{.effort = effort_, .samplesAtOnce = samplesAtOnce_};
  for (std::size_t i = 0; i < inputs.size(); i++) given.inputs.push_back(TensorDesc(inputs[i].dtype(), inputs[i].shape(), (*inputLayouts_)[i]));
  for (std::size_t i = 0; i < recording_.externals.size(); i++) {
    Tensor tensor = external(i);
    given.externals.push_back(TensorDesc(tensor.dtype(), shapes_[i], tensor.desc().layout));
    given.mayMove.push_back(!recording_.externals[i].name.isGradient && !hasMoved_[i] && tensor->storage.use_count() <= 1);
  }
  if (preparation_ && preparation_->given().externals == given.externals) return;
  preparation_ = std::make_shared<Preparation>(*recording_.device, program_, cache_, std::move(given));
}

void Program::prepareAhead(Session& session, std::span<const Tensor> inputs, std::function<void(const FailurePtr&)> done) {
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
    if (isMutated_[i]) return Source();
    const Storage& storage = *external(i)->storage;
    return Source{storage.id(), storage.version};
  };
  std::size_t count = recording_.externals.size(), same = 0;
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
  for (std::size_t i = 0; i < recording_.externals.size(); i++) launch.externals.push_back(external(i)->storage->data());
  Fields fields{providerStarts_, {dynamics.begin(), dynamics.end()}, session.seed(), session.offset() - recording_.firstOffset};
  Tensors outputs = plan_ ? enqueue(session, std::move(launch), given, fields, std::move(done))
                          : enqueueFirst(session, std::move(launch), given, std::move(fields), std::move(done));
  for (std::size_t i = 0; i < recording_.externals.size(); i++) {
    if (isMutated_[i]) external(i)->storage->version++;
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

Tensors Program::enqueue(Session& session, Launch launch, const Tensors& given, const Fields& fields, Profiled done) {
  Device& device = *recording_.device;
  const Plan& plan = *plan_;
  launch.bound = fields.of(plan);
  Tensors results;  // memory of what comes out
  for (std::size_t bytes : plan.resultBytes) results.push_back(Tensor::ofBytes(recording_.device, bytes));
  bool isReplayed = device.backend().captures() && !overwritesInputs_ && !done && ++runs_ > 1;
  if (isReplayed) {
    enqueueReplay(session, std::move(launch), given, results);
  } else {
    for (const Tensor& each : given) launch.inputs.push_back(each->storage->data());
    for (const Tensor& each : results) launch.results.push_back(each->storage->data());
    Lease arena(device.allocator(), plan.arenaBytes);
    launch.arena = static_cast<std::byte*>(arena.memory());
    auto run = [memory = memoryOf(session, given, launch.results), launch = std::move(launch), constants = constants_, sources = sources_,
                done = std::move(done), &device, failures = session.failures().get()]() mutable {
      std::vector<StepProfile> profile;
      FailurePtr failure = device.poison().run(*failures, memory.touched(), [&] {
        constants->bind(launch, sources);
        if (done) {
          profile = launch.profile(launch.plan->steps, device.backend());
        } else {
          launch.runAll();
        }
      });
      if (done) done(std::move(profile), failure);
    };
    device.queue().push(std::move(run), session.failures());
  }
  Tensors outputs;
  for (const Plan::Output& output : plan.outputs) {
    Tensor memory = output.place.kind == Place::Kind::result     ? results[output.place.at]
                    : output.place.kind == Place::Kind::input    ? given[output.place.at]
                                                                 : external(output.place.at);
    Tensor tensor = memory.detach();
    tensor->desc = output.desc;
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

// A run whose plan is not there yet: its results have plain memory, and the task makes the plan, or finds what an earlier one has made.
Tensors Program::enqueueFirst(Session& session, Launch launch, const Tensors& given, Fields fields, Profiled done) {
  Device& device = *recording_.device;
  Tensors outputs;
  std::vector<void*> targets;  // null: the result is an argument or an external itself
  std::map<std::pair<Value::Origin, int>, Tensor> own;
  for (const Result& result : results_) {
    Tensor memory;
    TensorDesc desc = result.desc;
    if (result.origin == Value::Origin::input) memory = given[static_cast<std::size_t>(result.index)];
    if (result.origin == Value::Origin::external) memory = external(static_cast<std::size_t>(result.index));
    const bool isOwn = !memory || (result.isReshaped && !memory.desc().layout.isPlain());
    if (isOwn) {
      Tensor& made = own[{result.origin, result.index}];
      if (!made) made = Tensor::empty(recording_.device, desc);
      memory = made;
    }
    targets.push_back(isOwn ? memory->storage->data() : nullptr);
    desc.layout = memory.desc().layout;
    Tensor tensor = memory.detach();
    tensor->desc = desc;
    outputs.push_back(std::move(tensor));
  }
  for (const Tensor& each : given) launch.inputs.push_back(each->storage->data());
  std::vector<void*> made;
  for (void* target : targets) {
    if (target) made.push_back(target);
  }
  auto run = [memory = memoryOf(session, given, made), launch = std::move(launch), fields = std::move(fields), preparation = preparation_,
              sources = sources_, targets = std::move(targets), done = std::move(done), &device, failures = session.failures().get()]() mutable {
    std::vector<StepProfile> profile;
    FailurePtr failure = device.poison().run(*failures, memory.touched(), [&] {
      runFirst(device, launch, fields, *preparation, sources, targets, done ? &profile : nullptr);
    });
    if (done) done(std::move(profile), failure);
  };
  device.queue().push(std::move(run), session.failures());
  return outputs;
}

// On the queue's thread. `targets`: plain memory of each result; null where the result is an argument or an external itself.
void Program::runFirst(Device& device, Launch& launch, const Fields& fields, Preparation& preparation, const std::shared_ptr<const Sources>& sources,
                       std::span<void* const> targets, std::vector<StepProfile>* profile) {
  launch.plan = preparation.plan();
  const Plan& plan = *launch.plan;
  // Cached memory that queued tasks may use is not for the task that runs now.
  std::vector<std::unique_ptr<Lease>> leases;
  auto lease = [&](std::size_t bytes) { return leases.emplace_back(std::make_unique<Lease>(device.allocator(), bytes, Users::all))->memory(); };
  launch.bound = fields.of(plan);
  preparation.constants()->bind(launch, sources);
  launch.results.resize(plan.resultBytes.size());
  for (std::size_t i = 0; i < targets.size(); i++) {
    const auto& [place, desc] = plan.outputs[i];
    if (place.kind != Place::Kind::result || !desc.layout.isPlain() || !targets[i]) continue;
    if (!launch.results[place.at]) launch.results[place.at] = targets[i];
  }
  for (std::size_t i = 0; i < launch.results.size(); i++) {
    if (!launch.results[i]) launch.results[i] = lease(plan.resultBytes[i]);
  }
  if (plan.arenaBytes) launch.arena = static_cast<std::byte*>(lease(plan.arenaBytes));
  if (profile) {
    *profile = launch.profile(plan.steps, device.backend());
  } else {
    launch.runAll();
  }
  const Op copy = Reshape{};
  for (std::size_t i = 0; i < targets.size(); i++) {
    const auto& [place, desc] = plan.outputs[i];
    void* from = launch.pointer(place);
    if (!targets[i] || from == targets[i]) continue;
    KernelPtr kernel = device.reorder(desc, TensorDesc(desc.dtype, desc.shape));
    void* target = targets[i];
    void* workspace = kernel->workspaceBytes ? lease(kernel->workspaceBytes) : nullptr;
    kernel->run(Run{copy, std::span(&from, 1), std::span(&target, 1), workspace});
  }
}

// The device repeats what it has recorded on the same memory: what is given is copied in and what comes out is copied out.
void Program::enqueueReplay(Session& session, Launch launch, const Tensors& given, const Tensors& results) {
  Device& device = *recording_.device;
  const Plan& plan = *plan_;
  if (!resident_ || resident_->plan != plan_) {
    auto fresh = std::make_shared<Resident>(device.backend(), plan_);
    auto lease = [&](std::size_t bytes) { return std::make_unique<Lease>(device.allocator(), bytes); };
    for (const Tensor& each : given) fresh->inputs.push_back(lease(each->storage->bytes()));
    for (std::size_t bytes : plan.resultBytes) fresh->results.push_back(lease(bytes));
    retire();
    resident_ = std::move(fresh);
  }
  Resident& resident = *resident_;
  if (plan.arenaBytes) resident.arena = device.sharedArena(plan.arenaBytes);
  launch.arena = resident.arena ? static_cast<std::byte*>(resident.arena->memory()) : nullptr;

  struct Transfer {
    KernelPtr kernel;
    void *from, *to;
  };
  std::vector<Transfer> before, after;
  for (std::size_t i = 0; i < given.size(); i++) {
    void* to = resident.inputs[i]->memory();
    launch.inputs.push_back(to);
    before.push_back({device.reorder(given[i].desc(), given[i].desc()), given[i]->storage->data(), to});
  }
  for (const auto& each : resident.results) launch.results.push_back(each->memory());
  for (const Plan::Output& output : plan.outputs) {
    if (output.place.kind != Place::Kind::result) continue;
    after.push_back({device.reorder(output.desc, output.desc), launch.results[output.place.at], results[output.place.at]->storage->data()});
  }
  auto transfer = [](const std::vector<Transfer>& list) {
    const Op copy = Reshape{};
    for (const Transfer& each : list) each.kernel->run(Run{copy, std::span(&each.from, 1), std::span(&each.to, 1)});
  };
  std::vector<void*> made;
  for (const Tensor& each : results) made.push_back(each->storage->data());
  auto run = [memory = memoryOf(session, given, made), launch = std::move(launch), constants = constants_, sources = sources_, resident = resident_,
              before = std::move(before), after = std::move(after), transfer, &poison = device.poison(),
              failures = session.failures().get()]() mutable {
    poison.run(*failures, memory.touched(), [&] {
      constants->bind(launch, sources);
      transfer(before);
      resident->replay.run(launch);
      transfer(after);
    });
  };
  device.queue().push(std::move(run), session.failures());
}

// Recordings end on the queue's thread, behind the runs that use them.
void Program::retire() {
  if (resident_) recording_.device->queue().push([resident = std::move(resident_)] {}, nullptr);
}

Program::~Program() { retire(); }

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
  figures.samplesAtOnce = plan->samples;
  for (std::size_t i = 0; i < plan->constantBytes.size(); i++) figures.constantBytes += plan->isConstantKept[i] ? plan->constantBytes[i] : 0;
  for (std::size_t bytes : plan->resultBytes) figures.resultBytes += bytes;
  return figures;
}

}  // namespace cnn::graph

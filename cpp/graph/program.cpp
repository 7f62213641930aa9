// Running a plan: pointers for this run, one task on the queue, then what the function did to gradients and counters.
#include "program.hpp"

#include <algorithm>

#include "batch.hpp"
#include "core/apply.hpp"
#include "core/half.hpp"
#include "dynamics.hpp"
#include "replay.hpp"

namespace cnn::graph {

namespace {

// With a kernel of the fused op. In half types also without, where the backend computes the part in float32 between two conversions: then it
// does so with the fused op, which has conversions and a rounding for one op instead of two or three.
bool takes(Backend& backend, const Call& fused, const Call& part) {
  if (!backend.fuses(fused.op)) return false;
  const Signature signature{fused.inputs, fused.outputs};
  if (backend.prepare(fused.op, signature).kernel) return true;
  if (!involvesHalf(signature) || backend.prepare(part.op, Signature{part.inputs, part.outputs}).kernel) return false;
  return prepareWidened(backend, fused.op, signature).kernel != nullptr;
}

Graph optimised(const Recording& recording, std::size_t count) {
  Backend& backend = recording.device->backend();
  Target target{[&backend](const Call& fused, const Call& part) { return takes(backend, fused, part); }};
  Graph graph = recording.graph;
  for (const NamedPass& pass : passes().first(count)) graph = pass.run(graph, target);
  return graph;
}

std::shared_ptr<TensorImpl> leafOf(const Leaf& leaf, std::span<const Tensor> inputs) {
  return leaf.input < 0 ? leaf.tensor.lock() : inputs[static_cast<std::size_t>(leaf.input)].impl();
}

}  // namespace

Program::Program(Recording recording, Effort effort, Index samplesAtOnce)
    : recording_(std::move(recording)), effort_(effort), samplesAtOnce_(samplesAtOnce), graph_(optimised(recording_, passes().size())) {
  std::vector<std::size_t> counts(static_cast<std::size_t>(recording_.providers));
  for (const Node& node : recording_.graph.nodes) {
    if (node.provider >= 0) counts[static_cast<std::size_t>(node.provider)] = dynamicCount(node.op);
  }
  for (std::size_t count : counts) providedFields_ += count;
  Uses uses(graph_);
  isMutated_.resize(recording_.externals.size());
  hasMoved_.resize(recording_.externals.size());
  shapes_.resize(recording_.externals.size());
  for (std::size_t id = 0; id < graph_.values.size(); id++) {
    const Value& value = graph_.values[id];
    if (value.origin == Value::Origin::input && uses.isMutated(static_cast<ValueId>(id))) overwritesInputs_ = true;
    if (value.origin != Value::Origin::external) continue;
    isMutated_[static_cast<std::size_t>(value.index)] = uses.isMutated(static_cast<ValueId>(id));
    shapes_[static_cast<std::size_t>(value.index)] = value.desc.shape;
  }
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
    const Value& value = recording_.graph[each.value];
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

// Makes the plan for the layouts in which the tensors lie now. Parameters that are trained move to the layouts that their
// convolutions like, if nobody else holds their memory.
void Program::prepare(Session& session, std::span<const Tensor> inputs) {
  if (isTuned_ && isTuned_->load(std::memory_order_acquire)) {
    plan_ = nullptr;
    isTuned_ = nullptr;
  }
  auto layoutsHold = [&] {
    if (!plan_) return false;
    for (std::size_t i = 0; i < recording_.externals.size(); i++) {
      if (external(i).desc().layout != plan_->externalLayouts[i]) return false;
    }
    return true;
  };
  if (layoutsHold()) return;
  hasConstants_ = false;
  // Each tensor moves once: its first reader, the forward pass, decides.
  for (bool hasMoved = true; hasMoved;) {
    Descs inputDescs, externalDescs;
    for (std::size_t i = 0; i < inputs.size(); i++) {
      inputDescs.push_back(plan_ ? TensorDesc(inputs[i].dtype(), inputs[i].shape(), plan_->inputLayouts[i]) : inputs[i].desc());
    }
    for (std::size_t i = 0; i < recording_.externals.size(); i++) {
      externalDescs.push_back(TensorDesc(external(i).dtype(), shapes_[i], external(i).desc().layout));
    }
    plan_ = std::make_shared<const Plan>(makePlanInParts(*recording_.device, graph_, inputDescs, externalDescs, effort_, samplesAtOnce_));
    hasMoved = false;
    if (startTuning()) break;  // what it finds may want other layouts
    for (const auto& [i, layout] : plan_->wishes) {
      Tensor tensor = external(static_cast<std::size_t>(i));
      TensorDesc wished = tensor.desc();
      wished.layout = layout;
      bool isDense = recording_.device->backend().bytes(wished) == wished.plainBytes();
      auto hasMovedBefore = hasMoved_[static_cast<std::size_t>(i)];
      if (recording_.externals[static_cast<std::size_t>(i)].name.isGradient || tensor->storage.use_count() > 1 || !isDense || hasMovedBefore) continue;
      hasMoved_[static_cast<std::size_t>(i)] = true;
      Tensor moved = withLayout(session, tensor, layout);
      moved->storage->version = tensor->storage->version;
      tensor->storage = moved->storage;
      tensor->desc.layout = layout;
      hasMoved = true;
    }
  }
}

// Has the queue find out which kernels are faster, before this run; a later run makes a plan of those. Whether there is anything to find out.
bool Program::startTuning() {
  std::vector<KernelPtr> kernels;
  for (const auto* steps : {&plan_->constants, &plan_->steps}) {
    for (const Step& step : *steps) {
      if (step.kernel->tune) kernels.push_back(step.kernel);
    }
  }
  if (kernels.empty()) return false;
  isTuned_ = std::make_shared<std::atomic<bool>>(false);
  auto tune = [kernels = std::move(kernels), isTuned = isTuned_] {
    for (const KernelPtr& kernel : kernels) kernel->tune();
    isTuned->store(true, std::memory_order_release);
  };
  recording_.device->queue().push(std::move(tune), nullptr);
  return true;
}

// Constants are computed again when somebody has overwritten what they were computed from.
void Program::computeConstants(Session& session) {
  if (plan_->constants.empty()) return;
  std::uint64_t version = 0;
  for (std::size_t i = 0; i < recording_.externals.size(); i++) {
    if (!isMutated_[i]) version += external(i)->storage->version;
  }
  if (hasConstants_ && version == constantsVersion_) return;
  Allocator& allocator = recording_.device->allocator();
  constants_.clear();
  Launch launch{.plan = plan_};
  for (std::size_t bytes : plan_->constantBytes) {
    constants_.push_back(Tensor::ofBytes(recording_.device, bytes));
    launch.constants.push_back(constants_.back()->storage->data());
  }
  for (std::size_t i = 0; i < recording_.externals.size(); i++) launch.externals.push_back(external(i)->storage->data());
  Allocator::Block arena;
  if (plan_->constantArenaBytes) arena = allocator.allocate(plan_->constantArenaBytes, false);
  launch.arena = static_cast<std::byte*>(arena.memory);
  recording_.device->queue().push([launch = std::move(launch)] { launch.run(launch.plan->constants); }, session.failures());
  allocator.release(arena, false);
  constantsVersion_ = version;
  hasConstants_ = true;
}

Tensors Program::run(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics) {
  return launch(session, inputs, dynamics, {});
}

Tensors Program::profile(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics,
                         std::function<void(std::vector<StepProfile>)> done) {
  return launch(session, inputs, dynamics, std::move(done));
}

Tensors Program::launch(Session& session, std::span<const Tensor> inputs, std::span<const double> dynamics,
                        std::function<void(std::vector<StepProfile>)> done) {
  if (dynamics.size() != providedFields_) {
    fail(ErrorKind::value, "compile: got ", dynamics.size(), " dynamic fields, expected ", providedFields_);
  }
  // A fresh program may have lost what it uses while it was recorded.
  const auto forget = [](Tensors* externals) { externals->clear(); };
  const std::unique_ptr<Tensors, decltype(forget)> present(&externals_, forget);
  for (std::size_t i = 0; i < recording_.externals.size(); i++) {
    externals_.emplace_back(find(i, inputs));
    if (!externals_.back()) fail(ErrorKind::disposed, "compile: a tensor of shape ", shapes_[i], " that the function uses was disposed");
  }
  prepare(session, inputs);
  computeConstants(session);
  const Plan& plan = *plan_;
  Device& device = *recording_.device;
  Launch launch{.plan = plan_};

  Tensors given;
  for (std::size_t i = 0; i < inputs.size(); i++) given.push_back(withLayout(session, inputs[i], plan.inputLayouts[i]));
  for (std::size_t i = 0; i < recording_.externals.size(); i++) launch.externals.push_back(external(i)->storage->data());
  for (const Tensor& constant : constants_) launch.constants.push_back(constant->storage->data());

  // Fields of this very run: what providers gave, and random counters that go on from where the session stands.
  std::vector<std::size_t> starts(static_cast<std::size_t>(recording_.providers));
  std::size_t next = 0;
  for (const Node& node : recording_.graph.nodes) {
    if (node.provider < 0) continue;
    starts[static_cast<std::size_t>(node.provider)] = next;
    next += dynamicCount(node.op);
  }
  Index shift = session.offset() - recording_.firstOffset, seed = session.seed();
  for (std::size_t s = 0; s < plan.steps.size(); s++) {
    const Step& step = plan.steps[s];
    if (step.provider < 0 && !isRandom(step.op)) continue;
    Op op = step.op;
    if (step.provider >= 0) setDynamicFields(op, dynamics.subspan(starts[static_cast<std::size_t>(step.provider)], dynamicCount(op)));
    std::visit(
        [&](auto& each) {
          if constexpr (requires { each.seed; }) {
            each.seed = seed;
            each.offset += shift;
          }
        },
        op);
    launch.bound.emplace_back(s, std::move(op));
  }

  Tensors results;  // memory of what comes out
  for (std::size_t bytes : plan.resultBytes) results.push_back(Tensor::ofBytes(recording_.device, bytes));
  bool isReplayed = device.backend().captures() && !overwritesInputs_ && !done && ++runs_ > 1;
  if (isReplayed) {
    enqueueReplay(session, std::move(launch), given, results);
  } else {
    for (const Tensor& each : given) launch.inputs.push_back(each->storage->data());
    for (const Tensor& each : results) launch.results.push_back(each->storage->data());
    Allocator::Block arena;
    if (plan.arenaBytes) arena = device.allocator().allocate(plan.arenaBytes, false);
    launch.arena = static_cast<std::byte*>(arena.memory);
    auto run = [launch = std::move(launch), done = std::move(done), &backend = device.backend()] {
      if (done) return done(launch.profile(launch.plan->steps, backend));
      launch.run(launch.plan->steps);
    };
    device.queue().push(std::move(run), session.failures());
    device.allocator().release(arena, false);
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
  auto run = [launch = std::move(launch), resident = resident_, before = std::move(before), after = std::move(after), transfer] {
    transfer(before);
    resident->replay.run(launch);
    transfer(after);
  };
  device.queue().push(std::move(run), session.failures());
}

// Recordings end on the queue's thread, behind the runs that use them.
void Program::retire() {
  if (resident_) recording_.device->queue().push([resident = std::move(resident_)] {}, nullptr);
}

Program::~Program() { retire(); }

std::string Program::textAfter(std::size_t count) const {
  return toString(optimised(recording_, std::min(count, passes().size())));
}

ProgramFigures Program::figures() const {
  ProgramFigures figures;
  figures.recordedNodes = recording_.graph.nodes.size();
  figures.nodes = graph_.nodes.size();
  if (!plan_) return figures;
  figures.steps = plan_->steps.size();
  figures.constantSteps = plan_->constants.size();
  for (const Step& step : plan_->steps) figures.reorders += step.node < 0 ? 1 : 0;
  figures.arenaBytes = plan_->arenaBytes;
  figures.samplesAtOnce = plan_->samples;
  for (std::size_t bytes : plan_->constantBytes) figures.constantBytes += bytes;
  for (std::size_t bytes : plan_->resultBytes) figures.resultBytes += bytes;
  return figures;
}

}  // namespace cnn::graph

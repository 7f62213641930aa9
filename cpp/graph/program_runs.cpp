// The three ways to run a plan: by itself, for the first time while the plan is being made, and as a recording that the
// device repeats.
#include <map>

#include "core/apply.hpp"
#include "dynamics.hpp"
#include "ops/properties.hpp"
#include "program.hpp"

namespace cnn::graph {

std::vector<std::pair<std::size_t, Op>> Program::Fields::of(const Plan& plan) const {
  std::vector<std::pair<std::size_t, Op>> bound;
  for (std::size_t s = 0; s < plan.steps.size(); s++) {
    const Step& step = plan.steps[s];
    if (step.provider < 0 && !isRandom(step.op)) continue;
    Op op = step.op;
    if (step.provider >= 0) {
      setDynamicFields(op,
                       std::span(dynamics).subspan(starts[static_cast<std::size_t>(step.provider)], dynamicCount(op)));
    }
    std::visit(
        [&](auto& each) {
          if constexpr (requires { each.seed; }) {
            each.seed = seed;
            each.offset += shift;
          }
        },
        op);
    bound.emplace_back(s, op);
  }
  return bound;
}

Tensors Program::enqueue(Session& session, Launch launch, const Tensors& given, const Fields& fields, Profiled done) {
  Device& device = *recording_.device;
  const Plan& plan = *plan_;
  launch.bound = fields.of(plan);
  Tensors results;  // memory of what comes out
  for (std::size_t bytes : plan.resultBytes) results.push_back(Tensor::ofBytes(recording_.device, bytes));
  bool isReplayed = device.backend().captures() && !overwritten_.anyInput && !done && ++runs_ > 1;
  if (isReplayed) {
    enqueueReplay(session, std::move(launch), given, results);
  } else {
    for (const Tensor& each : given) launch.inputs.push_back(each->storage->data());
    for (const Tensor& each : results) launch.results.push_back(each->storage->data());
    Lease arena(device.allocator(), plan.arenaBytes);
    launch.arena = static_cast<std::byte*>(arena.memory());
    Memory memory = memoryOf(session, given, launch.results);
    auto run = [memory = std::move(memory), launch = std::move(launch), constants = constants_, sources = sources_,
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
    Tensor memory = output.reference.kind == Reference::Kind::result  ? results[output.reference.at]
                    : output.reference.kind == Reference::Kind::input ? given[output.reference.at]
                                                                      : captured(output.reference.at);
    Tensor tensor = memory.detach();
    tensor->desc = output.desc;
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

// A run whose plan is not there yet: its results have plain memory, and the task makes the plan, or finds what an
// earlier one has made.
Tensors Program::enqueueFirst(Session& session, Launch launch, const Tensors& given, Fields fields, Profiled done) {
  Device& device = *recording_.device;
  Tensors outputs;
  std::vector<void*> targets;  // null: the result is an argument or a captured tensor itself
  std::map<std::pair<Value::Origin, int>, Tensor> own;
  for (const Result& result : results_) {
    Tensor memory;
    TensorDesc desc = result.desc;
    if (result.origin == Value::Origin::input) memory = given[static_cast<std::size_t>(result.index)];
    if (result.origin == Value::Origin::captured) memory = captured(static_cast<std::size_t>(result.index));
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
  auto run = [memory = memoryOf(session, given, made), launch = std::move(launch), fields = std::move(fields),
              preparation = preparation_, sources = sources_, targets = std::move(targets), done = std::move(done),
              &device, failures = session.failures().get()]() mutable {
    std::vector<StepProfile> profile;
    FailurePtr failure = device.poison().run(*failures, memory.touched(), [&] {
      runFirst(device, launch, fields, *preparation, sources, targets, done ? &profile : nullptr);
    });
    if (done) done(std::move(profile), failure);
  };
  device.queue().push(std::move(run), session.failures());
  return outputs;
}

// On the queue's thread. `targets`: plain memory of each result; null where the result is an argument or a captured
// tensor itself.
void Program::runFirst(Device& device, Launch& launch, const Fields& fields, Preparation& preparation,
                       const std::shared_ptr<const Sources>& sources, std::span<void* const> targets,
                       std::vector<StepProfile>* profile) {
  launch.plan = preparation.plan();
  const Plan& plan = *launch.plan;
  // Cached memory that queued tasks may use is not for the task that runs now.
  std::vector<std::unique_ptr<Lease>> leases;
  auto lease = [&](std::size_t bytes) {
    return leases.emplace_back(std::make_unique<Lease>(device.allocator(), bytes, Users::all))->memory();
  };
  launch.bound = fields.of(plan);
  preparation.constants()->bind(launch, sources);
  launch.results.resize(plan.resultBytes.size());
  for (std::size_t i = 0; i < targets.size(); i++) {
    const auto& [reference, desc] = plan.outputs[i];
    if (reference.kind != Reference::Kind::result || !desc.layout.isPlain() || !targets[i]) continue;
    if (!launch.results[reference.at]) launch.results[reference.at] = targets[i];
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
    const auto& [reference, desc] = plan.outputs[i];
    void* from = launch.pointer(reference);
    if (!targets[i] || from == targets[i]) continue;
    KernelPtr kernel = device.reorder(desc, TensorDesc(desc.dtype, desc.shape));
    void* target = targets[i];
    void* workspace = kernel->workspaceBytes ? lease(kernel->workspaceBytes) : nullptr;
    kernel->run(Run{copy, std::span(&from, 1), std::span(&target, 1), workspace});
  }
}

// The device repeats what it has recorded on the same memory: what is given is copied in and what comes out is copied
// out.
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
    if (output.reference.kind != Reference::Kind::result) continue;
    after.push_back({device.reorder(output.desc, output.desc), launch.results[output.reference.at],
                     results[output.reference.at]->storage->data()});
  }
  auto transfer = [](const std::vector<Transfer>& list) {
    const Op copy = Reshape{};
    for (const Transfer& each : list) each.kernel->run(Run{copy, std::span(&each.from, 1), std::span(&each.to, 1)});
  };
  std::vector<void*> made;
  for (const Tensor& each : results) made.push_back(each->storage->data());
  auto run = [memory = memoryOf(session, given, made), launch = std::move(launch), constants = constants_,
              sources = sources_, resident = resident_, before = std::move(before), after = std::move(after), transfer,
              &poison = device.poison(), failures = session.failures().get()]() mutable {
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

}  // namespace cnn::graph

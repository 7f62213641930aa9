// The door: how an op becomes work on a queue.
#include "apply.hpp"

#include <cstring>
#include <future>

#include "ops/infer.hpp"
#include "ops/print.hpp"
#include "ops/names.hpp"
#include "ops/properties.hpp"
#include "tape.hpp"
#include "trace.hpp"

namespace cnn {

namespace {

// A run of a kernel with all memory that it needs: to be queued without anything that could fail for want of memory.
struct Work {
  KernelPtr kernel;
  Op op;
  std::vector<void*> pointers;  // inputs, then outputs
  Descs descs;                  // for the message of a failure
  Lease workspace;
};

Work ready(Device& device, const KernelPtr& kernel, const Op& op, std::span<const Tensor> inputs,
           std::span<const Tensor> outputs) {
  Work work{kernel, op, {}, {}, Lease(device.allocator(), kernel->workspaceBytes)};
  work.pointers.reserve(inputs.size() + outputs.size());
  work.descs.reserve(inputs.size());
  for (const Tensor& tensor : inputs) {
    work.pointers.push_back(tensor ? tensor->storage->data() : nullptr);
    work.descs.push_back(tensor ? tensor.desc() : TensorDesc());
  }
  for (const Tensor& tensor : outputs) work.pointers.push_back(tensor->storage->data());
  return work;
}

// What a failure means for the memory of an op.
Touched touchedBy(const Op& op, std::span<void* const> pointers, std::size_t inputCount, std::uint64_t call) {
  Touched touched{.reads = pointers.first(inputCount),
                  .makes = pointers.subspan(inputCount),
                  .overwrites = {},
                  .failsByValue = failsByValue(op),
                  .call = call};
  if (std::holds_alternative<Copy>(op)) {
    touched.reads = pointers.subspan(1, 1);
    touched.overwrites = pointers.first(1);
    touched.isCopy = true;
  } else if (std::holds_alternative<ClipGradNorm>(op) || std::holds_alternative<ClipGradValue>(op)) {
    touched.makes = pointers;  // a gradient that was not clipped is of no use
  } else if (mutates(op) && !isOptimizerStep(op)) {
    touched.overwrites = touched.reads;
  }
  return touched;
}

// Puts it on the queue. The task holds raw pointers only: memory that is freed meanwhile serves later tasks alone,
// since they run after this one.
void enqueue(Session& session, Device& device, Work&& work) {
  device.queue().push(
      [kernel = std::move(work.kernel), op = work.op, pointers = std::move(work.pointers),
       descs = std::move(work.descs), workspace = work.workspace.memory(), site = session.site(),
       &poison = device.poison(), failures = session.failures().get(), call = session.failures()->now()] {
        std::span<void* const> all(pointers);
        poison.run(*failures, touchedBy(op, all, descs.size(), call), [&] {
          try {
            kernel->run(Run{op, all.first(descs.size()), all.subspan(descs.size()), workspace});
          } catch (const std::exception& exception) {
            throw QueuedError(asError(exception).saying(text(exception.what(), " — in ", describe(op, descs))), site);
          }
        });
      },
      session.failures());
}

DevicePtr commonDevice(const Op& op, std::span<const Tensor> inputs, const DevicePtr& given) {
  DevicePtr device = given;
  bool found = false;
  for (const Tensor& tensor : inputs) {
    if (!tensor) continue;
    if (found && tensor.device() != device) {
      fail(ErrorKind::device, calledName(op), ": its inputs are on different devices (", device->name(), " and ",
           tensor.device()->name(), "), expected one; move them with to()");
    }
    device = tensor.device();
    found = true;
  }
  return device;
}

// Calls `start` with what is to be called in the end, and waits for it. The waiting ends early where the thread is
// being ended, so what `start` queues may not touch the caller's memory.
template <class Start>
void waitFor(Session& session, Queue& queue, Start start) {
  struct Outcome {
    FailurePtr failure;
    std::atomic<bool> isThere{false};
  };
  auto outcome = std::make_shared<Outcome>();
  start([outcome](const FailurePtr& failure) {
    outcome->failure = failure;
    outcome->isThere.store(true, std::memory_order_release);
  });
  queue.await(session.client()->id(), queue.last());
  if (!outcome->isThere.load(std::memory_order_acquire))
    fail(ErrorKind::backend, "waiting was given up: the thread is being ended");
  if (outcome->failure) {
    session.failures()->hand(*outcome->failure);
    throw QueuedError(outcome->failure->error);
  }
}

// The user's error, with everything that the op was given.
Descs inferOrExplain(const Op& op, const Descs& inputs) {
  try {
    return infer(op, inputs);
  } catch (const Error& error) { throw Error(error.kind, text(error.what(), " — in ", describe(op, inputs))); }
}

// Shares the memory: another shape of the same elements. A tensor that no gradient needs in its layout becomes plain
// itself, lest a view of a parameter that a compiled function has moved be a copy, which sees no later step.
Tensors reshape(Session& session, const Tensor& x, const TensorDesc& desc) {
  if (!x.desc().layout.isPlain() && !x->node && x->storage.use_count() == 1) {
    Tensor moved = withLayout(session, x, Layout{});
    moved->storage->version = x->storage->version;
    x->storage = moved->storage;
    x->desc.layout = Layout{};
  }
  Tensor plain = withLayout(session, x, Layout{});
  Tensor y = plain.detach();
  y->desc = desc;
  return {y};
}

// Copies from one layout to another.
Work conversion(const Tensor& from, const Tensor& to) {
  Device& device = *to.device();
  return ready(device, device.reorder(from.desc(), to.desc()), Reorder{}, {&from, 1}, {&to, 1});
}

// While a function is recorded nothing has values; afterwards, what was made then has none.
void refuseReading(const Session& session, const Tensor& tensor, std::string_view what) {
  if (session.trace) {
    fail(ErrorKind::value, "compile: ", what, " of ", toString(tensor.desc()),
         " while the function is recorded: it has no values yet, so JavaScript can neither read them nor decide by "
         "them; "
         "return the tensor, or compute with where()");
  }
  if (tensor->storage->isSymbolic()) {
    fail(ErrorKind::value, "compile: ", what, " of ", toString(tensor.desc()),
         ", which was made while a function was recorded: it has no values; return it from the function");
  }
}

}  // namespace

Tensor withLayout(Session& session, const Tensor& tensor, Layout layout) {
  if (tensor.desc().layout == layout) return tensor;
  TensorDesc desc = tensor.desc();
  desc.layout = layout;
  Tensor result = Tensor::empty(tensor.device(), desc);
  enqueue(session, *tensor.device(), conversion(tensor, result));
  return result;
}

Tensors apply(Session& session, const Op& op, std::span<const Tensor> inputs, const DevicePtr& given) {
  DevicePtr device = commonDevice(op, inputs, given);
  if (!device) fail(ErrorKind::device, nameOf(op), ": no device was given");
  Descs descs;
  descs.reserve(inputs.size());
  for (const Tensor& tensor : inputs) descs.push_back(tensor ? tensor.desc() : TensorDesc());
  Descs inferred = inferOrExplain(op, descs);

  Tensors outputs;
  if (session.trace) {
    outputs = session.trace->add(op, inputs, inferred, device);
    for (std::size_t i = 0; i < inputs.size(); i++) {
      if (inputs[i] && mutates(op, static_cast<int>(i), static_cast<int>(inputs.size()))) inputs[i]->storage->version++;
    }
  } else if (isView(op)) {
    outputs = reshape(session, inputs[0], inferred[0]);
  } else {
    KernelPtr kernel = device->kernel(op, descs, inferred);
    std::vector<Tensor> given(inputs.begin(), inputs.end());
    for (std::size_t i = 0; i < given.size(); i++) {
      if (given[i] && given[i]->storage->isSymbolic()) refuseReading(session, given[i], nameOf(op));
      if (given[i])
        given[i] = withLayout(session, given[i], kernel->inputLayouts.empty() ? Layout{} : kernel->inputLayouts[i]);
    }
    outputs.reserve(kernel->outputs.size());
    for (const TensorDesc& desc : kernel->outputs) outputs.push_back(Tensor::empty(device, desc));
    Work work = ready(*device, kernel, op, given, outputs);
    std::vector<Work> copiesBack;  // what the op overwrites in another layout; all is ready before anything is queued
    for (std::size_t i = 0; i < inputs.size(); i++) {
      if (!inputs[i] || !mutates(op, static_cast<int>(i), static_cast<int>(inputs.size()))) continue;
      if (given[i].impl() != inputs[i].impl()) copiesBack.push_back(conversion(given[i], inputs[i]));
    }
    enqueue(session, *device, std::move(work));
    for (Work& each : copiesBack) enqueue(session, *device, std::move(each));
    for (std::size_t i = 0; i < inputs.size(); i++) {
      if (inputs[i] && mutates(op, static_cast<int>(i), static_cast<int>(inputs.size()))) inputs[i]->storage->version++;
    }
  }
  if (session.gradEnabled && session.tape) session.tape->record(session, op, inputs, outputs);
  return outputs;
}

Tensor fromHost(Session& session, const DevicePtr& device, const TensorDesc& desc, const void* data) {
  Tensor tensor = Tensor::empty(device, desc);
  if (session.trace) session.trace->addConstant(tensor);
  std::size_t bytes = desc.plainBytes();
  if (bytes == 0) return tensor;
  void* target = tensor->storage->data();
  Backend& backend = device->backend();
  if (backend.isHostMemory() && device->queue().isIdle() && device->poison().isClean()) {
    std::memcpy(target, data, bytes);
  } else {  // the memory may still be read by what is queued
    std::shared_ptr<std::byte[]> staged = device->allocator().allocateHost(bytes);
    std::memcpy(staged.get(), data, bytes);
    device->queue().push(
        [&backend, &poison = device->poison(), failures = session.failures().get(), target, staged, bytes] {
          poison.run(*failures, {.reads = {}, .makes = {&target, 1}, .overwrites = {}},
                     [&] { backend.copyFromHost(target, staged.get(), bytes); });
        },
        session.failures());
  }
  return tensor;
}

void readHost(Session& session, const Tensor& tensor, void* data, std::function<void(const FailurePtr&)> done) {
  refuseReading(session, tensor, "reading");
  Tensor plain = withLayout(session, tensor, Layout{});
  plain.device()->queue().push(
      [plain = plain.detach(), asked = tensor->storage->data(), data, failures = session.failures().get(),
       call = session.failures()->now(), done = std::move(done)] {
        Poison& poison = plain.device()->poison();
        void* const memory[] = {plain->storage->data(), asked};
        FailurePtr failure = poison.isClean() ? nullptr : poison.of(memory[0], call);
        if (!failure) {
          try {
            plain.device()->backend().copyToHost(data, memory[0], plain.desc().plainBytes());
            poison.acquit();
          } catch (const std::exception& exception) { failure = poison.convict(*failures, exception, memory, call); }
        }
        done(failure);
      },
      session.failures());
}

void readHostSync(Session& session, const Tensor& tensor, void* data) {
  const std::size_t size = tensor.desc().plainBytes();
  std::shared_ptr<std::byte[]> bytes = tensor.device()->allocator().allocateHost(size);
  waitFor(session, tensor.device()->queue(), [&](auto done) {
    readHost(session, tensor, bytes.get(), [bytes, done](const FailurePtr& failure) { done(failure); });
  });
  if (size) std::memcpy(data, bytes.get(), size);
}

void finish(Session& session, Device& device, std::function<void(const FailurePtr&)> done) {
  device.queue().push(
      [&device, failures = session.failures().get(), done = std::move(done)] {
        try {
          device.backend().finish();
          device.poison().acquit();
        } catch (const std::exception& exception) { device.poison().convict(*failures, exception, {}, 0); }
        done(failures->take());
      },
      session.failures());
}

void finishSync(Session& session, Device& device) {
  waitFor(session, device.queue(), [&](auto done) { finish(session, device, done); });
}

Tensor toDevice(Session& session, const Tensor& tensor, const DevicePtr& device) {
  if (tensor.device() == device) return tensor;
  refuseReading(session, tensor, "moving");
  TensorDesc desc(tensor.dtype(), tensor.shape());
  Tensor result = Tensor::empty(device, desc);
  struct Transfer {
    std::shared_ptr<std::byte[]> bytes;
    FailurePtr failure;
    bool hasArrived = false;
  };
  auto transfer = std::make_shared<Transfer>();
  const std::size_t bytes = desc.plainBytes();
  transfer->bytes = device->allocator().allocateHost(bytes);
  // The target's queue passes its task by until the source's is done (or dropped): queues never wait for each other.
  auto gate = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<void> opener(nullptr, [gate, device](void*) {
    gate->store(true, std::memory_order_release);
    device->queue().wake();
  });
  readHost(session, tensor, transfer->bytes.get(), [transfer, opener = std::move(opener)](const FailurePtr& failure) {
    transfer->failure = failure;
    transfer->hasArrived = true;
  });
  device->queue().pushBehind(
      gate,
      [transfer, bytes, target = result->storage->data(), &backend = device->backend(), &poison = device->poison(),
       failures = session.failures().get()] {
        const std::span<void* const> made(&target, 1);
        poison.run(*failures, {.reads = {}, .makes = made, .overwrites = {}}, [&] {
          if (!transfer->hasArrived) fail(ErrorKind::backend, "to: the tensor was not read from its device");
          if (transfer->failure) return poison.put(made, transfer->failure);
          if (bytes) backend.copyFromHost(target, transfer->bytes.get(), bytes);
        });
      },
      session.failures());
  return result;
}

}  // namespace cnn

// The door: how an op becomes work on a queue.
#include "apply.hpp"

#include <cstring>
#include <future>

#include "ops/infer.hpp"
#include "ops/print.hpp"
#include "ops/names.hpp"
#include "tape.hpp"
#include "trace.hpp"

namespace cnn {

namespace {

// Puts one run of a kernel on the queue. The task holds raw pointers only: memory that is freed meanwhile serves later
// tasks alone, since they run after this one.
void enqueue(Session& session, Device& device, const KernelPtr& kernel, const Op& op, std::span<const Tensor> inputs,
             std::span<const Tensor> outputs) {
  Allocator::Block workspace;
  if (kernel->workspaceBytes) workspace = device.allocator().allocate(kernel->workspaceBytes, false);
  std::vector<void*> pointers;
  Descs descs;  // for the message of a failure
  pointers.reserve(inputs.size() + outputs.size());
  descs.reserve(inputs.size());
  for (const Tensor& tensor : inputs) {
    pointers.push_back(tensor ? tensor->storage->data() : nullptr);
    descs.push_back(tensor ? tensor.desc() : TensorDesc());
  }
  for (const Tensor& tensor : outputs) pointers.push_back(tensor->storage->data());
  device.queue().push(
      [kernel, op, pointers = std::move(pointers), descs = std::move(descs), workspace = workspace.memory] {
        std::span<void* const> all(pointers);
        try {
          kernel->run(Run{op, all.first(descs.size()), all.subspan(descs.size()), workspace});
        } catch (const Error& error) {
          throw Error(error.kind, text(error.what(), " — in ", describe(op, descs)));
        } catch (const std::exception& error) {
          fail(ErrorKind::backend, describe(op, descs), ": ", error.what());
        }
      },
      session.failures());
  device.allocator().release(workspace, false);
}

void copyBack(Session& session, const Tensor& from, const Tensor& to) {
  enqueue(session, *to.device(), to.device()->reorder(from.desc(), to.desc()), Reshape{.shape = to.shape()}, {&from, 1}, {&to, 1});
}

DevicePtr commonDevice(const Op& op, std::span<const Tensor> inputs, const DevicePtr& given) {
  DevicePtr device = given;
  bool found = false;
  for (const Tensor& tensor : inputs) {
    if (!tensor) continue;
    if (found && tensor.device() != device) {
      fail(ErrorKind::device, nameOf(op), ": its inputs are on different devices (", device->name(), " and ", tensor.device()->name(),
           "), expected one; move them with to()");
    }
    device = tensor.device();
    found = true;
  }
  return device;
}

// The user's error, with everything that the op was given.
Descs inferOrExplain(const Op& op, const Descs& inputs) {
  try {
    return infer(op, inputs);
  } catch (const Error& error) {
    throw Error(error.kind, text(error.what(), " — in ", describe(op, inputs)));
  }
}

// Shares the memory: another shape of the same elements. A tensor that no gradient needs in its layout becomes plain itself, lest a view of a
// parameter that a compiled function has moved be a copy, which sees no later step.
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

// While a function is recorded nothing has values; afterwards, what was made then has none.
void refuseReading(const Session& session, const Tensor& tensor, std::string_view what) {
  if (session.trace) {
    fail(ErrorKind::value, "compile: ", what, " of ", toString(tensor.desc()),
         " while the function is recorded: it has no values yet, so JavaScript can neither read them nor decide by them; "
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
  enqueue(session, *tensor.device(), tensor.device()->reorder(tensor.desc(), desc), Reshape{.shape = desc.shape}, {&tensor, 1}, {&result, 1});
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
  } else if (std::holds_alternative<Reshape>(op)) {
    outputs = reshape(session, inputs[0], inferred[0]);
  } else {
    KernelPtr kernel = device->kernel(op, descs, inferred);
    std::vector<Tensor> given(inputs.begin(), inputs.end());
    for (std::size_t i = 0; i < given.size(); i++) {
      if (given[i] && given[i]->storage->isSymbolic()) refuseReading(session, given[i], nameOf(op));
      if (given[i]) given[i] = withLayout(session, given[i], kernel->inputLayouts.empty() ? Layout{} : kernel->inputLayouts[i]);
    }
    outputs.reserve(kernel->outputs.size());
    for (const TensorDesc& desc : kernel->outputs) outputs.push_back(Tensor::empty(device, desc));
    enqueue(session, *device, kernel, op, given, outputs);
    for (std::size_t i = 0; i < inputs.size(); i++) {
      if (!inputs[i] || !mutates(op, static_cast<int>(i), static_cast<int>(inputs.size()))) continue;
      if (given[i].impl() != inputs[i].impl()) copyBack(session, given[i], inputs[i]);
      inputs[i]->storage->version++;
    }
  }
  if (session.gradEnabled) record(session, op, inputs, outputs);
  return outputs;
}

Tensor fromHost(Session& session, const DevicePtr& device, const TensorDesc& desc, const void* data) {
  Tensor tensor = Tensor::empty(device, desc);
  if (session.trace) session.trace->addConstant(tensor);
  std::size_t bytes = desc.plainBytes();
  if (bytes == 0) return tensor;
  void* target = tensor->storage->data();
  Backend& backend = device->backend();
  if (backend.isHostMemory() && device->queue().isIdle()) {
    std::memcpy(target, data, bytes);
  } else {  // the memory may still be read by what is queued
    auto first = static_cast<const std::byte*>(data);
    device->queue().push(
        [&backend, target, staged = std::vector<std::byte>(first, first + bytes)] {
          backend.copyFromHost(target, staged.data(), staged.size());
        },
        session.failures());
  }
  return tensor;
}

void readHost(Session& session, const Tensor& tensor, std::function<void(const void*, const Error*)> done) {
  refuseReading(session, tensor, "reading");
  Tensor plain = withLayout(session, tensor, Layout{});
  plain.device()->queue().push(
      [plain = plain.detach(), failures = session.failures(), done = std::move(done)] {
        Backend& backend = plain.device()->backend();
        const void* data = plain->storage->data();
        std::vector<std::byte> staged;
        if (!backend.isHostMemory()) {
          staged.resize(plain.desc().plainBytes());
          try {
            backend.copyToHost(staged.data(), data, staged.size());
          } catch (const Error& error) {
            failures->record(error);
          }
          data = staged.data();
        }
        auto failure = failures->take();
        done(data, failure ? &*failure : nullptr);
      },
      session.failures());
}

void readHostSync(Session& session, const Tensor& tensor, void* data) {
  std::promise<std::optional<Error>> promise;
  auto future = promise.get_future();
  readHost(session, tensor, [&, bytes = tensor.desc().plainBytes()](const void* source, const Error* error) {
    if (!error && bytes) std::memcpy(data, source, bytes);
    promise.set_value(error ? std::optional<Error>(*error) : std::nullopt);
  });
  if (auto failure = future.get()) throw Error(*failure);
}

Tensor toDevice(Session& session, const Tensor& tensor, const DevicePtr& device) {
  if (tensor.device() == device) return tensor;
  refuseReading(session, tensor, "moving");
  TensorDesc desc(tensor.dtype(), tensor.shape());
  Tensor result = Tensor::empty(device, desc);
  // The target's queue waits for the source's; what waits was always queued earlier, so queues never wait in a circle.
  auto promise = std::make_shared<std::promise<std::vector<std::byte>>>();
  auto future = std::make_shared<std::future<std::vector<std::byte>>>(promise->get_future());
  std::size_t bytes = desc.plainBytes();
  readHost(session, tensor, [promise, bytes, failures = session.failures()](const void* source, const Error* error) {
    if (error) failures->record(*error);
    auto first = static_cast<const std::byte*>(source);
    promise->set_value(std::vector<std::byte>(first, first + bytes));
  });
  device->queue().push([future, &backend = device->backend(), target = result->storage->data()] {
    std::vector<std::byte> staged = future->get();
    if (!staged.empty()) backend.copyFromHost(target, staged.data(), staged.size());
  }, session.failures());
  return result;
}

}  // namespace cnn

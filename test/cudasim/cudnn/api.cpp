// The functions of libcudnn.so.9 that the backend API consists of.
#include <cudnn.h>

#include <utility>

#include "../runtime/device.hpp"
#include "../runtime/memory.hpp"
#include "../runtime/stream.hpp"
#include "graph.hpp"

namespace cudasim::cudnn {

namespace {

thread_local std::string lastMessage;

std::map<cudnnBackendDescriptor_t, DescriptorPtr>& descriptors() {
  static auto& all = *new std::map<cudnnBackendDescriptor_t, DescriptorPtr>;
  return all;
}

constexpr const char* descriptorKind = "cudnn descriptor";
constexpr const char* handleKind = "cudnn handle";

template <class Body>
cudnnStatus_t api(const char* name, CallKind kind, Body body) {
  std::lock_guard lock(machineLock());
  if (int status = injected(kind, CUDNN_STATUS_INTERNAL_ERROR, CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED,
                            CUDNN_STATUS_EXECUTION_FAILED)) {
    lastMessage = text(name, ": a failure that was ordered");
    return static_cast<cudnnStatus_t>(status);
  }
  try {
    body();
  } catch (const Refusal& refusal) {
    lastMessage = text(name, ": ", refusal.sentence);
    if (refusal.isViolation) violation(lastMessage);
    bool isOurs = refusal.status >= 1000;  // the runtime's statuses are smaller
    return isOurs ? static_cast<cudnnStatus_t>(refusal.status) : CUDNN_STATUS_EXECUTION_FAILED_CUDART;
  }
  return CUDNN_STATUS_SUCCESS;
}

void setAttribute(Descriptor& d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                  const void* elements) {
  if (d.isFinalized)
    refuse(CUDNN_STATUS_NOT_INITIALIZED, d.rule->text, ": attribute ", static_cast<int>(name),
           " is set after it was finalised");
  const AttributeRule* rule = d.rule->find(name);
  if (!rule) refuse(CUDNN_STATUS_BAD_PARAM, d.rule->text, ": has no attribute ", static_cast<int>(name));
  if (rule->need == Need::readOnly) refuse(CUDNN_STATUS_BAD_PARAM, d.rule->text, ": ", rule->text, " can only be read");
  if (std::find(rule->types.begin(), rule->types.end(), type) == rule->types.end()) {
    refuse(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, d.rule->text, ": ", rule->text, " is given as type ",
           static_cast<int>(type), ", expected is ", static_cast<int>(rule->types.front()));
  }
  if (count < (rule->mayBeEmpty ? 0 : 1) || count > rule->most) {
    refuse(CUDNN_STATUS_BAD_PARAM, d.rule->text, ": ", rule->text, " is given ", count, " elements, allowed are ",
           rule->mayBeEmpty ? 0 : 1, " to ", rule->most);
  }
  if (!elements)
    refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, d.rule->text, ": the elements of ", rule->text, " are null");
  Value value{type, count, {}, {}};
  auto bytes = static_cast<const std::byte*>(elements);
  value.bytes.assign(bytes, bytes + static_cast<std::size_t>(count) * elementBytes(type));
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    for (std::int64_t i = 0; i < count; i++) {
      DescriptorPtr part = descriptorOf(static_cast<const cudnnBackendDescriptor_t*>(elements)[i], rule->text);
      if (!part->isFinalized)
        refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, d.rule->text, ": ", rule->text, " is a ", part->rule->text,
               " that is not finalised");
      value.descriptors.push_back(part);
    }
  }
  d.values[name] = std::move(value);
}

void getAttribute(Descriptor& d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t most,
                  std::int64_t* count, void* elements) {
  const AttributeRule* rule = d.rule->find(name);
  if (!rule) refuse(CUDNN_STATUS_BAD_PARAM, d.rule->text, ": has no attribute ", static_cast<int>(name));
  if (!d.isFinalized)
    refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, d.rule->text, ": ", rule->text, " is read before it was finalised");
  if (std::find(rule->types.begin(), rule->types.end(), type) == rule->types.end()) {
    refuse(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, d.rule->text, ": ", rule->text, " is read as type ",
           static_cast<int>(type));
  }
  auto found = d.values.find(name);
  Value none{type, 0, {}, {}};
  const Value& value = found == d.values.end() ? none : found->second;
  if (count) *count = value.count;
  if (!elements) return;
  std::int64_t given = std::min(most, value.count);
  if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    std::memcpy(elements, value.bytes.data(), static_cast<std::size_t>(given) * elementBytes(type));
    return;
  }
  // The caller brings descriptors of the right type, which become those that are asked for.
  for (std::int64_t i = 0; i < given; i++) {
    auto handle = static_cast<cudnnBackendDescriptor_t*>(elements)[i];
    DescriptorPtr target = descriptorOf(handle, rule->text);
    const DescriptorPtr& source = value.descriptors[static_cast<std::size_t>(i)];
    if (target->type() != source->type())
      refuse(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE, rule->text, " needs a ", source->rule->text, ", not a ",
             target->rule->text);
    descriptors()[handle] = source;
  }
}

// ---- execution

struct Memory {
  std::map<std::int64_t, void*> pointers;
  std::map<std::int64_t, double> values;
};

double valueAt(const Tensor& tensor, const void* pointer) {
  if (blockAt(pointer))
    refuse(CUDNN_STATUS_BAD_PARAM, tensor.text(), " is by value, but its pointer is memory of the device");
  if (tensor.type == CUDNN_DATA_FLOAT) return *static_cast<const float*>(pointer);
  if (tensor.type == CUDNN_DATA_DOUBLE) return *static_cast<const double*>(pointer);
  refuse(CUDNN_STATUS_NOT_SUPPORTED, tensor.text(), ": values are simulated as float and double only");
}

// Outputs must not lie on inputs, except exactly, where each element is read before it is written.
void requireApart(const Operations& operations, const std::map<std::int64_t, void*>& pointers) {
  std::set<std::int64_t>
      elementwise;  // what may be overwritten in place: inputs of pointwise operations and running statistics
  for (const Operation& each : operations.list) {
    bool isPointwise = each.descriptor->type() == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
    for (const auto& [name, tensor] : each.inputs) {
      bool isRunning = name == CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC ||
                       name == CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC;
      if (isPointwise || isRunning) elementwise.insert(tensor.uid);
    }
  }
  for (std::int64_t out : operations.written) {
    if (!pointers.contains(out)) continue;
    for (const auto& [uid, pointer] : pointers) {
      const Tensor &a = operations.tensors.at(out), &b = operations.tensors.at(uid);
      if (uid == out || b.isByValue) continue;
      auto first = static_cast<std::byte*>(pointers.at(out)), second = static_cast<std::byte*>(pointer);
      bool isApart = first + a.bytes() <= second || second + b.bytes() <= first;
      bool isInPlace = first == second && a.bytes() == b.bytes() && elementwise.contains(uid);
      if (!isApart && !isInPlace)
        refuse(CUDNN_STATUS_BAD_PARAM, "an output lies on another tensor: ", a.text(), " and ", b.text());
    }
  }
}

Memory memoryOf(const Operations& operations, const Descriptor& pack, Work& work) {
  auto uids = pack.integers(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  auto pointers = pack.list<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  Memory memory;
  for (std::size_t i = 0; i < uids.size(); i++) {
    auto found = operations.tensors.find(uids[i]);
    if (found == operations.tensors.end())
      refuse(CUDNN_STATUS_BAD_PARAM, "the variant pack has the tensor ", uids[i], ", which the plan does not know");
    const Tensor& tensor = found->second;
    if (tensor.isVirtual)
      refuse(CUDNN_STATUS_BAD_PARAM, "the variant pack gives memory for a virtual tensor: ", tensor.text());
    if (!pointers[i]) refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the pointer is null of ", tensor.text());
    if (tensor.isByValue) {
      memory.values[tensor.uid] = valueAt(tensor, pointers[i]);
      continue;
    }
    requireLive(pointers[i], tensor.bytes(), tensor.text(), CUDNN_STATUS_BAD_PARAM);
    if (reinterpret_cast<std::uintptr_t>(pointers[i]) % static_cast<std::uintptr_t>(tensor.alignment) != 0) {
      refuse(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, "the pointer ", pointers[i], " is not aligned to ",
             tensor.alignment, " bytes, as declared of ", tensor.text());
    }
    work.uses.push_back({pointers[i], tensor.bytes(), "cudnnBackendExecute: " + tensor.text()});
    memory.pointers[tensor.uid] = pointers[i];
  }
  for (const auto& [uid, tensor] : operations.tensors) {
    if (!tensor.isVirtual && !memory.pointers.contains(uid) && !memory.values.contains(uid)) {
      refuse(CUDNN_STATUS_BAD_PARAM, "the variant pack lacks ", tensor.text());
    }
  }
  requireApart(operations, memory.pointers);
  return memory;
}

void execute(cudnnHandle_t handle, Descriptor& plan, const Descriptor& pack) {
  if (plan.type() != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
    refuse(CUDNN_STATUS_BAD_PARAM, "the plan is a ", plan.rule->text);
  if (pack.type() != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
    refuse(CUDNN_STATUS_BAD_PARAM, "the variant pack is a ", pack.rule->text);
  if (!plan.isFinalized || !pack.isFinalized)
    refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "the ", plan.isFinalized ? "variant pack" : "plan",
           " is not finalised");
  DescriptorPtr engine = plan.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->part(CUDNN_ATTR_ENGINECFG_ENGINE);
  DescriptorPtr graph = engine->part(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
  const Operations& operations = operationsOf(*graph);
  if (operations.device >= 0 && operations.device != handle->device) {
    refuse(CUDNN_STATUS_BAD_PARAM, "the plan was made for device ", operations.device, ", the handle is of device ",
           handle->device);
  }
  const bool isFirst = plan.runner == std::thread::id();
  if (isFirst) plan.runner = std::this_thread::get_id();
  if (!plan.runnersHandle) plan.runnersHandle = handle;
  if (plan.runner != std::this_thread::get_id())
    refuse(CUDNN_STATUS_BAD_PARAM, "the plan is shared between threads: another one ran it before");
  if (plan.runnersHandle != handle)
    refuse(CUDNN_STATUS_BAD_PARAM, "the plan is shared between handles: another one ran it before");

  Work work;
  work.what = "cudnnBackendExecute";
  Memory memory = memoryOf(operations, pack, work);
  auto workspace = pack.get<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  auto needed = static_cast<std::size_t>(plan.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
  if (needed > 0) {
    requireLive(workspace, needed, "the workspace", CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    if (reinterpret_cast<std::uintptr_t>(workspace) % 16 != 0)
      refuse(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, "the workspace is not aligned to 16 bytes");
    work.uses.push_back({workspace, needed, "cudnnBackendExecute: the workspace"});
    for (const auto& [uid, pointer] : memory.pointers) {
      auto first = static_cast<std::byte*>(workspace), second = static_cast<std::byte*>(pointer);
      const Tensor& tensor = operations.tensors.at(uid);
      if (first + needed > second && second + tensor.bytes() > first)
        refuse(CUDNN_STATUS_BAD_PARAM, "the workspace lies on ", tensor.text());
    }
  }
  work.run = [graph, memory, workspace, needed] {
    std::map<std::int64_t, void*> shadows;
    for (const auto& [uid, pointer] : memory.pointers) shadows[uid] = shadowOf(pointer);
    if (needed > 0)
      std::memset(shadowOf(workspace), 0xC3, needed);  // what an engine leaves there is of no use to anybody
    run(operationsOf(*graph), shadows, memory.values);
  };
  if (stickyError(handle->device)) decline(CUDNN_STATUS_EXECUTION_FAILED, "the device has failed before");
  StreamPtr stream = streamOf(handle->stream);
  if (stream->device != handle->device)
    refuse(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH, "the handle is of device ", handle->device,
           ", its stream of device ", stream->device);
  if (isFirst) forbidInCapture(stream, "cudnnBackendExecute of a plan that has never run");
  enqueue(stream, std::move(work));
}

}  // namespace

DescriptorPtr descriptorOf(cudnnBackendDescriptor_t handle, const char* what) {
  auto found = descriptors().find(handle);
  if (found == descriptors().end())
    refuse(CUDNN_STATUS_BAD_PARAM, what, ": descriptor ", handle, " does not exist (or was destroyed)");
  return found->second;
}

void requireHandle(cudnnHandle_t handle) {
  if (!isAlive(handleKind, handle))
    refuse(CUDNN_STATUS_BAD_PARAM, "the handle ", static_cast<void*>(handle), " does not exist (or was destroyed)");
}

}  // namespace cudasim::cudnn

using namespace cudasim;
using namespace cudasim::cudnn;

extern "C" {

size_t cudnnGetVersion(void) { return CUDNN_VERSION; }
size_t cudnnGetCudartVersion(void) { return CUDART_VERSION; }
size_t cudnnGetMaxDeviceVersion(void) { return 1200; }
cudnnStatus_t cudnnGraphVersionCheck(void) { return CUDNN_STATUS_SUCCESS; }
cudnnStatus_t cudnnGetProperty(libraryPropertyType type, int* value) {
  *value = type == MAJOR_VERSION ? CUDNN_MAJOR : type == MINOR_VERSION ? CUDNN_MINOR : CUDNN_PATCHLEVEL;
  return CUDNN_STATUS_SUCCESS;
}

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
#define NAME(name) \
  case name: return #name
    NAME(CUDNN_STATUS_SUCCESS);
    NAME(CUDNN_STATUS_NOT_INITIALIZED);
    NAME(CUDNN_STATUS_BAD_PARAM);
    NAME(CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    NAME(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
    NAME(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    NAME(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    NAME(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH);
    NAME(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES);
    NAME(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    NAME(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    NAME(CUDNN_STATUS_NOT_SUPPORTED);
    NAME(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    NAME(CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
    NAME(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    NAME(CUDNN_STATUS_INTERNAL_ERROR);
    NAME(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED);
    NAME(CUDNN_STATUS_EXECUTION_FAILED);
#undef NAME
    default: return "CUDNN_STATUS_UNKNOWN";
  }
}
void cudnnGetLastErrorString(char* message, size_t size) {
  if (size > 0) std::snprintf(message, size, "%s", std::exchange(lastMessage, "").c_str());
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  return api("cudnnCreate", CallKind::allocate, [&] {
    if (!handle) refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the address for the handle is null");
    if (deviceCount() == 0) decline(CUDNN_STATUS_NOT_INITIALIZED, "there is no device");
    *handle = new cudnnContext{currentDevice(), nullptr};
    born(handleKind, *handle, text("of device ", currentDevice()));
  });
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  return api("cudnnDestroy", CallKind::never, [&] {
    requireHandle(handle);
    forbidOnDevice(handle->device, "cudnnDestroy");
    synchronizeDevice(handle->device);
    died(handleKind, handle);
    delete handle;
  });
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  return api("cudnnSetStream", CallKind::call, [&] {
    requireHandle(handle);
    StreamPtr found = streamOf(stream);
    if (stream && found->device != handle->device) {
      refuse(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH, "the handle is of device ", handle->device,
             ", the stream of device ", found->device);
    }
    handle->stream = stream;
  });
}
cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) {
  return api("cudnnGetStream", CallKind::call, [&] {
    requireHandle(handle);
    *stream = handle->stream;
  });
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t* descriptor) {
  return api("cudnnBackendCreateDescriptor", CallKind::call, [&] {
    if (!descriptor) refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the address for the descriptor is null");
    const DescriptorRule* rule = ruleOf(type);
    if (!rule)
      refuse(CUDNN_STATUS_NOT_SUPPORTED, "the simulator does not know descriptors of type ", static_cast<int>(type));
    auto made = std::make_shared<Descriptor>();
    made->rule = rule;
    // a number that is never given out again, so that one that was destroyed is known as such
    static std::uintptr_t last = 0x1000;
    auto handle = reinterpret_cast<cudnnBackendDescriptor_t>(last += 16);
    descriptors()[handle] = made;
    born(descriptorKind, handle, rule->text);
    *descriptor = handle;
  });
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  return api("cudnnBackendDestroyDescriptor", CallKind::never, [&] {
    if (!descriptor) return;
    descriptorOf(descriptor, "cudnnBackendDestroyDescriptor");
    descriptors().erase(descriptor);
    died(descriptorKind, descriptor);
  });
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  return api("cudnnBackendFinalize", CallKind::call,
             [&] { finalize(*descriptorOf(descriptor, "cudnnBackendFinalize")); });
}
cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void* elements) {
  return api("cudnnBackendSetAttribute", CallKind::call,
             [&] { setAttribute(*descriptorOf(descriptor, "cudnnBackendSetAttribute"), name, type, count, elements); });
}
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t most, int64_t* count, void* elements) {
  return api("cudnnBackendGetAttribute", CallKind::call, [&] {
    getAttribute(*descriptorOf(descriptor, "cudnnBackendGetAttribute"), name, type, most, count, elements);
  });
}
cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack) {
  return api("cudnnBackendExecute", CallKind::launch, [&] {
    requireHandle(handle);
    execute(handle, *descriptorOf(plan, "the plan"), *descriptorOf(pack, "the variant pack"));
  });
}

}  // extern "C"

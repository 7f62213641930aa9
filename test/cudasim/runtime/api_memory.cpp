// cudart: memory, pools, copies.
#include <cuda_runtime_api.h>

#include <cstring>

#include "api.hpp"
#include "memory.hpp"
#include "stream.hpp"

using namespace cudasim;

struct CUmemPoolHandle_st {
  int device = 0;
  bool isDefault = false;
  std::uint64_t threshold = 0;
  std::size_t used = 0, peak = 0;
};

namespace {

struct Pools {
  std::map<int, cudaMemPool_t> defaults, currents;
  std::map<const Block*, cudaMemPool_t> owners;
};

Pools& pools() {
  static Pools& instance = *new Pools;
  return instance;
}

cudaMemPool_t defaultPool(int device) {
  cudaMemPool_t& pool = pools().defaults[device];
  if (!pool) pool = new CUmemPoolHandle_st{device, true};
  return pool;
}

cudaMemPool_t currentPool(int device) {
  auto found = pools().currents.find(device);
  return found == pools().currents.end() ? defaultPool(device) : found->second;
}

void requirePool(cudaMemPool_t pool) {
  if (!pool || (!pool->isDefault && !isAlive("pool", pool)))
    refuse(cudaErrorInvalidValue, "the pool ", pool, " does not exist");
}

void* give(Block* block, std::size_t bytes) {
  if (!block) decline(cudaErrorMemoryAllocation, "no room for ", bytes, " bytes");
  return reinterpret_cast<void*>(block->address);
}

void* allocateNow(const char* call, Space space, std::size_t bytes) {
  forbidWhileCapturing(call);
  return bytes == 0 ? nullptr : give(allocate(space, bytes, currentDevice(), call), bytes);
}

void* allocateAsync(const char* call, std::size_t bytes, cudaMemPool_t pool, cudaStream_t handle) {
  StreamPtr stream = streamOf(handle);
  if (stream->capture) refuse(cudaErrorNotSupported, "allocations in a capture are not simulated");
  if (stream->device != pool->device)
    refuse(cudaErrorInvalidValue, "the pool is of device ", pool->device, ", the stream of device ", stream->device);
  if (bytes == 0) return nullptr;
  Block* block = allocate(Space::device, bytes, pool->device, call);
  void* address = give(block, bytes);
  Work work;
  work.what = call;
  enqueue(stream, std::move(work));
  block->isAsync = true;
  block->stream = stream->id;
  block->order = stream->enqueued;
  pools().owners[block] = pool;
  pool->used += bytes;
  pool->peak = std::max(pool->peak, pool->used);
  return address;
}

Block& startOf(const void* address, Space space) {
  Block* block = blockAt(address);
  if (!block || block->address != reinterpret_cast<std::uintptr_t>(address) || block->space != space) {
    refuse(cudaErrorInvalidValue, address, " was not allocated by this family of calls",
           block ? ": it is " + describe(*block, reinterpret_cast<std::uintptr_t>(address)) : "");
  }
  if (block->isFreed) refuse(cudaErrorInvalidValue, "freed a second time: ", block->origin);
  return *block;
}

void leavePool(Block& block) {
  auto owner = pools().owners.find(&block);
  if (owner == pools().owners.end()) return;
  owner->second->used -= block.bytes;
  pools().owners.erase(owner);
}

void freeNow(const char* call, void* address, Space space) {
  if (!address) return;
  Block& block = startOf(address, space);
  forbidWhileCapturing(call);
  // these frees wait for whatever still uses the memory
  for (int device = 0; device < deviceCount(); device++) synchronizeDevice(device);
  leavePool(block);
  markFreed(block);
  discard(block);
}

// ---- copies

bool isPinned(const void* address) {
  Block* block = blockAt(address);
  return block && block->space == Space::pinned && !isDeviceAddress(address);
}

enum class Way { hostToHost, hostToDevice, deviceToHost, deviceToDevice };

Way wayOf(void* to, const void* from, cudaMemcpyKind kind) {
  bool toDevice = isDeviceAddress(to), fromDevice = isDeviceAddress(from);
  Way way = toDevice ? (fromDevice ? Way::deviceToDevice : Way::hostToDevice)
                     : (fromDevice ? Way::deviceToHost : Way::hostToHost);
  constexpr const char* words[] = {"host to host", "host to device", "device to host", "device to device"};
  if (kind != cudaMemcpyDefault && static_cast<int>(kind) != static_cast<int>(way)) {
    refuse(cudaErrorInvalidMemcpyDirection, "the copy is said to go from ", words[kind], ", but the addresses are ",
           words[static_cast<int>(way)]);
  }
  return way;
}

void addUse(Work& work, const void* address, std::size_t bytes, const char* what) {
  if (blockAt(address)) work.uses.push_back({address, bytes, text(work.what, ": ", what)});
}

void hold(Work& work, const void* address, std::size_t bytes, bool copyWrites) {
  if (!isPinned(address)) return;
  auto chain = [](std::function<void()> first, std::function<void()> second) -> std::function<void()> {
    return [=] {
      if (first) first();
      second();
    };
  };
  Block* block = blockAt(address);
  auto at = reinterpret_cast<std::uintptr_t>(address);
  work.onEnqueue = chain(work.onEnqueue, [=] { holdPinned(*block, at, bytes, copyWrites); });
  work.onDone = chain(work.onDone, [=] { releasePinned(*block, at, bytes, copyWrites); });
}

void copyAsync(const char* call, void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
               cudaStream_t handle) {
  if (bytes == 0) return;
  if (!to || !from) refuse(cudaErrorInvalidValue, "an address is null");
  StreamPtr stream = streamOf(handle);
  Way way = wayOf(to, from, kind);
  Work work;
  work.what = call;
  addUse(work, from, bytes, "the source");
  addUse(work, to, bytes, "the destination");
  bool isPageable = (way == Way::hostToDevice && !isPinned(from)) || (way == Way::deviceToHost && !isPinned(to)) ||
                    way == Way::hostToHost;
  if (isPageable && stream->capture)
    refuse(cudaErrorStreamCaptureUnsupported,
           "pageable memory of the host in a capture: a replay would read or write it later");
  if (way == Way::hostToDevice && isPageable) {
    // staged at once: the source may change as soon as the call returns
    auto first = static_cast<const std::byte*>(from);
    work.run = [to, staged = std::vector<std::byte>(first, first + bytes)] {
      std::memcpy(shadowOf(to), staged.data(), staged.size());
    };
  } else {
    work.run = [=] { std::memmove(shadowOf(to), shadowOf(from), bytes); };
  }
  hold(work, from, bytes, false);
  hold(work, to, bytes, true);
  enqueue(stream, std::move(work));
  if (isPageable && way != Way::hostToDevice) synchronize(stream);
}

void setAsync(const char* call, void* to, int value, std::size_t bytes, cudaStream_t handle) {
  if (bytes == 0) return;
  Work work;
  work.what = call;
  work.uses.push_back({to, bytes, text(call, ": the destination")});
  work.run = [=] { std::memset(shadowOf(to), value, bytes); };
  enqueue(streamOf(handle), std::move(work));
}

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** address, size_t bytes) {
  return api("cudaMalloc", CallKind::allocate, [&] {
    requireOut(address);
    *address = allocateNow("cudaMalloc", Space::device, bytes);
  });
}
cudaError_t cudaFree(void* address) {
  return api("cudaFree", CallKind::never, [&] { freeNow("cudaFree", address, Space::device); });
}
cudaError_t cudaMallocHost(void** address, size_t bytes) {
  return api("cudaMallocHost", CallKind::allocate, [&] {
    requireOut(address);
    *address = allocateNow("cudaMallocHost", Space::pinned, bytes);
  });
}
cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned int) {
  return api("cudaHostAlloc", CallKind::allocate, [&] {
    requireOut(address);
    *address = allocateNow("cudaHostAlloc", Space::pinned, bytes);
  });
}
cudaError_t cudaFreeHost(void* address) {
  return api("cudaFreeHost", CallKind::never, [&] { freeNow("cudaFreeHost", address, Space::pinned); });
}

cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t stream) {
  return api("cudaMallocAsync", CallKind::allocate, [&] {
    requireOut(address);
    *address = allocateAsync("cudaMallocAsync", bytes, currentPool(streamOf(stream)->device), stream);
  });
}
cudaError_t cudaMallocFromPoolAsync(void** address, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  return api("cudaMallocFromPoolAsync", CallKind::allocate, [&] {
    requireOut(address);
    requirePool(pool);
    *address = allocateAsync("cudaMallocFromPoolAsync", bytes, pool, stream);
  });
}
cudaError_t cudaFreeAsync(void* address, cudaStream_t handle) {
  return api("cudaFreeAsync", CallKind::never, [&] {
    if (!address) return;
    StreamPtr stream = streamOf(handle);
    if (stream->capture) refuse(cudaErrorNotSupported, "frees in a capture are not simulated");
    Block& block = startOf(address, Space::device);
    Work work;
    work.what = "cudaFreeAsync";
    work.uses.push_back({address, block.bytes, "cudaFreeAsync: the memory"});
    work.onDone = [&block] { discard(block); };
    enqueue(stream, std::move(work));
    leavePool(block);
    markFreed(block);
  });
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  return api("cudaMemGetInfo", CallKind::call, [&] {
    Usage used = usage(currentDevice());
    if (available) *available = used.limit - used.used;
    if (total) *total = used.limit;
  });
}
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes* attributes, const void* address) {
  return api("cudaPointerGetAttributes", CallKind::call, [&] {
    requireOut(attributes);
    Block* block = blockAt(address);
    *attributes = {};
    if (!block || block->isFreed) {
      attributes->type = cudaMemoryTypeUnregistered;
      attributes->device = -2;
      attributes->hostPointer = const_cast<void*>(address);
      return;
    }
    bool isDevice = block->space == Space::device;
    attributes->type = isDevice ? cudaMemoryTypeDevice : cudaMemoryTypeHost;
    attributes->device = block->device;
    attributes->devicePointer = const_cast<void*>(address);
    attributes->hostPointer = isDevice ? nullptr : const_cast<void*>(address);
  });
}

// ---- pools

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return api("cudaDeviceGetDefaultMemPool", CallKind::call, [&] {
    requireOut(pool);
    requireDevice(device);
    *pool = defaultPool(device);
  });
}
cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  return api("cudaDeviceGetMemPool", CallKind::call, [&] {
    requireOut(pool);
    requireDevice(device);
    *pool = currentPool(device);
  });
}
cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  return api("cudaDeviceSetMemPool", CallKind::call, [&] {
    requireDevice(device);
    requirePool(pool);
    pools().currents[device] = pool;
  });
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const struct cudaMemPoolProps* properties) {
  return api("cudaMemPoolCreate", CallKind::call, [&] {
    requireOut(pool);
    requireOut(properties);
    if (properties->allocType != cudaMemAllocationTypePinned)
      refuse(cudaErrorInvalidValue, "allocType must be cudaMemAllocationTypePinned");
    if (properties->location.type != cudaMemLocationTypeDevice)
      refuse(cudaErrorInvalidValue, "location.type must be cudaMemLocationTypeDevice");
    requireDevice(properties->location.id);
    *pool = new CUmemPoolHandle_st{properties->location.id};
    born("pool", *pool, text("of device ", properties->location.id));
  });
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  return api("cudaMemPoolDestroy", CallKind::never, [&] {
    requirePool(pool);
    if (pool->isDefault) refuse(cudaErrorInvalidValue, "the default pool can't be destroyed");
    died("pool", pool);
    std::erase_if(pools().currents, [&](auto& each) { return each.second == pool; });
    // its memory may outlive it: the record stays for the blocks that count on it
    if (pool->used == 0) delete pool;
  });
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
  return api("cudaMemPoolTrimTo", CallKind::call, [&] { requirePool(pool); });
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void* value) {
  return api("cudaMemPoolSetAttribute", CallKind::call, [&] {
    requirePool(pool);
    requireOut(value);
    if (attribute == cudaMemPoolAttrReleaseThreshold) pool->threshold = *static_cast<std::uint64_t*>(value);
    if (attribute == cudaMemPoolAttrUsedMemHigh || attribute == cudaMemPoolAttrReservedMemHigh) {
      if (*static_cast<std::uint64_t*>(value) != 0)
        refuse(cudaErrorInvalidValue, "a high-water mark can only be set to 0");
      pool->peak = pool->used;
    }
  });
}
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void* value) {
  return api("cudaMemPoolGetAttribute", CallKind::call, [&] {
    requirePool(pool);
    requireOut(value);
    switch (attribute) {
      case cudaMemPoolAttrReleaseThreshold: *static_cast<std::uint64_t*>(value) = pool->threshold; break;
      case cudaMemPoolAttrReservedMemCurrent:
      case cudaMemPoolAttrUsedMemCurrent: *static_cast<std::uint64_t*>(value) = pool->used; break;
      case cudaMemPoolAttrReservedMemHigh:
      case cudaMemPoolAttrUsedMemHigh: *static_cast<std::uint64_t*>(value) = pool->peak; break;
      default: *static_cast<int*>(value) = 1;
    }
  });
}

// ---- copies

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
  return api("cudaMemcpyAsync", CallKind::call, [&] { copyAsync("cudaMemcpyAsync", to, from, bytes, kind, stream); });
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, enum cudaMemcpyKind kind) {
  return api("cudaMemcpy", CallKind::call, [&] {
    forbidWhileCapturing("cudaMemcpy");
    copyAsync("cudaMemcpy", to, from, bytes, kind, nullptr);
    synchronize(streamOf(nullptr));
  });
}
cudaError_t cudaMemcpyPeerAsync(void* to, int toDevice, const void* from, int fromDevice, size_t bytes,
                                cudaStream_t handle) {
  return api("cudaMemcpyPeerAsync", CallKind::call, [&] {
    if (bytes == 0) return;
    StreamPtr stream = streamOf(handle);
    forbidOn(stream, "cudaMemcpyPeerAsync");
    Block& target = requireLive(to, bytes, "the destination", cudaErrorInvalidValue);
    Block& source = requireLive(from, bytes, "the source", cudaErrorInvalidValue);
    if (target.device != toDevice || source.device != fromDevice) {
      refuse(cudaErrorInvalidValue, "the memory is of devices ", source.device, " and ", target.device, ", not of ",
             fromDevice, " and ", toDevice);
    }
    Work work;
    work.what = "cudaMemcpyPeerAsync";
    work.run = [=] { std::memmove(shadowOf(to), shadowOf(from), bytes); };
    enqueue(stream, std::move(work));
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return api("cudaMemsetAsync", CallKind::call, [&] { setAsync("cudaMemsetAsync", to, value, bytes, stream); });
}
cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  return api("cudaMemset", CallKind::call, [&] { setAsync("cudaMemset", to, value, bytes, nullptr); });
}

}  // extern "C"

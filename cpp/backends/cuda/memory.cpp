// Allocation on a stream of its own, release on the engine's: the driver reuses what is released in stream order.
#include "memory.hpp"

#include <cstdint>

#include "check.hpp"

namespace cnn::cuda {

Memory::Memory(Engine& engine) : engine_(engine), stream_(makeStream()) {
  int hasPools = 0;
  CHECK(cudaDeviceGetAttribute(&hasPools, cudaDevAttrMemoryPoolsSupported, engine.ordinal));
  if (!hasPools) return;
  CHECK(cudaDeviceGetDefaultMemPool(&pool_, engine.ordinal));
  std::uint64_t all = UINT64_MAX;  // without it the pool gives everything back at every synchronisation
  CHECK(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &all));
}

void* Memory::allocate(std::size_t bytes) {
  engine_.enter();
  void* memory = nullptr;
  cudaError_t status = pool_ ? cudaMallocAsync(&memory, bytes, stream_.get()) : cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(status, "cudaMallocAsync");
  if (!pool_) return memory;
  if (status = cudaStreamSynchronize(stream_.get()); status != cudaSuccess) {
    cudaFreeAsync(memory, stream_.get());
    check(status, "cudaStreamSynchronize");
  }
  return memory;
}

void Memory::release(void* memory) noexcept {
  std::lock_guard lock(engine_.capturing);
  cudaSetDevice(engine_.ordinal);
  if (pool_) {
    cudaFreeAsync(memory, engine_.stream);
  } else {
    cudaFree(memory);
  }
}

void Memory::trim() noexcept {
  if (!pool_) return;
  std::lock_guard lock(engine_.capturing);
  cudaSetDevice(engine_.ordinal);
  cudaStreamSynchronize(engine_.stream);
  cudaMemPoolTrimTo(pool_, 0);
}

}  // namespace cnn::cuda

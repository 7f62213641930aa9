// cudart: kernels, and the nine functions that code compiled by nvcc calls by itself.
#include <cuda_runtime_api.h>

#include <cstring>
#include <deque>

#include "api.hpp"
#include "kernels.hpp"
#include "module.hpp"

using namespace cudasim;

namespace {

struct Configuration {
  dim3 grid, threads;
  std::size_t sharedBytes;
  void* stream;
};
thread_local std::vector<Configuration> configurations;

cudaError_t launchAny(const void* function, dim3 grid, dim3 threads, void** arguments, std::size_t sharedBytes,
                      cudaStream_t stream) {
  return api("cudaLaunchKernel", CallKind::launch,
             [&] { launchKernel(function, grid, threads, arguments, sharedBytes, streamOf(stream)); });
}

}  // namespace

extern "C" {

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 threads, void** arguments, size_t sharedBytes,
                             cudaStream_t stream) {
  return launchAny(function, grid, threads, arguments, sharedBytes, stream);
}
cudaError_t cudaFuncSetAttribute(const void* function, enum cudaFuncAttribute attribute, int value) {
  return api("cudaFuncSetAttribute", CallKind::call, [&] {
    kernelName(function);
    if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize)
      allowSharedBytes(function, static_cast<std::size_t>(value));
  });
}
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes* attributes, const void* function) {
  return api("cudaFuncGetAttributes", CallKind::call, [&] {
    requireOut(attributes);
    loadKernel(function, currentDevice());
    *attributes = {};
    attributes->maxThreadsPerBlock = 1024;
    attributes->numRegs = 32;
    attributes->maxDynamicSharedSizeBytes = 48 << 10;
    cudaDeviceProp p = deviceProperties(currentDevice());
    attributes->binaryVersion = attributes->ptxVersion = p.major * 10 + p.minor;
  });
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function, int threads, size_t) {
  return api("cudaOccupancyMaxActiveBlocksPerMultiprocessor", CallKind::call, [&] {
    requireOut(blocks);
    kernelName(function);
    *blocks = deviceProperties(currentDevice()).maxThreadsPerMultiProcessor / std::max(threads, 1);
  });
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* function, int threads,
                                                                   size_t bytes, unsigned int) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, bytes);
}

// ---- what nvcc writes into the program

void** __cudaRegisterFatBinary(void* wrapper) {
  std::lock_guard lock(machineLock());
  static auto& modules = *new std::deque<Module>;
  return reinterpret_cast<void**>(&modules.emplace_back(readModule(wrapper)));
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterFunction(void** module, const char* hostFunction, char*, const char* deviceName, int, uint3*, uint3*,
                            dim3*, dim3*, int*) {
  std::lock_guard lock(machineLock());
  registerHostFunction(hostFunction, deviceName, reinterpret_cast<const Module*>(module));
}
void __cudaRegisterVar(void**, char*, char*, const char* name, int, size_t, int, int) {
  violation(text("the program has the device variable ", name, ", which the simulator does not know"));
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* hostFunction) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(hostFunction));
  return cudaSuccess;
}
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 threads, size_t sharedBytes, void* stream) {
  configurations.push_back({grid, threads, sharedBytes, stream});
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* threads, size_t* sharedBytes, void* stream) {
  if (configurations.empty()) return cudaErrorInvalidConfiguration;
  Configuration c = configurations.back();
  configurations.pop_back();
  *grid = c.grid;
  *threads = c.threads;
  *sharedBytes = c.sharedBytes;
  std::memcpy(stream, &c.stream, sizeof c.stream);
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 threads, void** arguments, size_t sharedBytes,
                               cudaStream_t stream) {
  return launchAny(kernel, grid, threads, arguments, sharedBytes, stream);
}

}  // extern "C"

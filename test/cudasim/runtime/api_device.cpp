// cudart: devices, versions, errors.
#include <cuda_runtime_api.h>

#include <cstring>
#include <utility>

#include "api.hpp"
#include "kernels.hpp"
#include "memory.hpp"
#include "stream.hpp"

namespace cudasim {

namespace { thread_local cudaError_t last = cudaSuccess; }

cudaError_t keepError(cudaError_t status) {
  if (status != cudaSuccess) last = status;
  return status;
}
cudaError_t takeError() { return std::exchange(last, cudaSuccess); }
cudaError_t lastError() { return last; }

namespace {

struct ErrorText {
  cudaError_t error;
  const char *name, *sentence;
};

#define ENTRY(error, sentence) {error, #error, sentence}
constexpr ErrorText errorTexts[] = {
    ENTRY(cudaSuccess, "no error"),
    ENTRY(cudaErrorInvalidValue, "invalid argument"),
    ENTRY(cudaErrorMemoryAllocation, "out of memory"),
    ENTRY(cudaErrorInitializationError, "initialization error"),
    ENTRY(cudaErrorCudartUnloading, "driver shutting down"),
    ENTRY(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    ENTRY(cudaErrorInvalidPitchValue, "invalid pitch argument"),
    ENTRY(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    ENTRY(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    ENTRY(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version"),
    ENTRY(cudaErrorInvalidDeviceFunction, "invalid device function"),
    ENTRY(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device"),
    ENTRY(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    ENTRY(cudaErrorInvalidDevice, "invalid device ordinal"),
    ENTRY(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    ENTRY(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    ENTRY(cudaErrorNotReady, "device not ready"),
    ENTRY(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    ENTRY(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    ENTRY(cudaErrorMisalignedAddress, "misaligned address"),
    ENTRY(cudaErrorLaunchFailure, "unspecified launch failure"),
    ENTRY(cudaErrorNotPermitted, "operation not permitted"),
    ENTRY(cudaErrorNotSupported, "operation not supported"),
    ENTRY(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    ENTRY(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"),
    ENTRY(cudaErrorStreamCaptureMerge, "operation would result in a merge of separate capture sequences"),
    ENTRY(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    ENTRY(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    ENTRY(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream"),
    ENTRY(cudaErrorStreamCaptureImplicit,
          "operation would make the legacy stream depend on a capturing blocking stream"),
    ENTRY(cudaErrorCapturedEvent, "operation not permitted on an event last recorded in a capturing stream"),
    ENTRY(cudaErrorStreamCaptureWrongThread,
          "attempt to terminate a thread-local capture sequence from another thread"),
    ENTRY(cudaErrorGraphExecUpdateFailure,
          "the graph update was not performed because it included changes which violated constraints"),
    ENTRY(cudaErrorUnknown, "unknown error"),
};
#undef ENTRY

const ErrorText* textOf(cudaError_t error) {
  for (const ErrorText& each : errorTexts) {
    if (each.error == error) return &each;
  }
  return nullptr;
}

}  // namespace
}  // namespace cudasim

using namespace cudasim;

extern "C" {

const char* cudaGetErrorName(cudaError_t error) {
  const ErrorText* found = textOf(error);
  return found ? found->name : "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  const ErrorText* found = textOf(error);
  return found ? found->sentence : "unrecognized error code";
}
cudaError_t cudaGetLastError(void) { return takeError(); }
cudaError_t cudaPeekAtLastError(void) { return lastError(); }

cudaError_t cudaGetDeviceCount(int* count) {
  return api("cudaGetDeviceCount", CallKind::call, [&] {
    requireOut(count);
    *count = deviceCount();
    if (*count == 0) decline(cudaErrorNoDevice, "CUDASIM_DEVICES=0");
  });
}
cudaError_t cudaGetDevice(int* device) {
  return api("cudaGetDevice", CallKind::never, [&] {
    requireOut(device);
    *device = currentDevice();
  });
}
cudaError_t cudaSetDevice(int device) {
  return api("cudaSetDevice", CallKind::call, [&] { setCurrentDevice(device); });
}
cudaError_t cudaInitDevice(int device, unsigned int, unsigned int) {
  return api("cudaInitDevice", CallKind::call, [&] { requireDevice(device); });
}
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp* properties, int device) {
  return api("cudaGetDeviceProperties", CallKind::call, [&] {
    requireOut(properties);
    requireDevice(device);
    *properties = deviceProperties(device);
  });
}
cudaError_t cudaDeviceGetAttribute(int* value, enum cudaDeviceAttr attribute, int device) {
  return api("cudaDeviceGetAttribute", CallKind::call, [&] {
    requireOut(value);
    requireDevice(device);
    cudaDeviceProp p = deviceProperties(device);
    switch (attribute) {
      case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
      case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
      case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
      case cudaDevAttrMaxThreadsPerBlock: *value = p.maxThreadsPerBlock; break;
      case cudaDevAttrMaxThreadsPerMultiProcessor: *value = p.maxThreadsPerMultiProcessor; break;
      case cudaDevAttrMaxSharedMemoryPerBlock: *value = static_cast<int>(p.sharedMemPerBlock); break;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(p.sharedMemPerBlockOptin); break;
      case cudaDevAttrWarpSize: *value = p.warpSize; break;
      case cudaDevAttrMemoryPoolsSupported: *value = p.memoryPoolsSupported; break;
      case cudaDevAttrL2CacheSize: *value = p.l2CacheSize; break;
      case cudaDevAttrUnifiedAddressing: *value = 1; break;
      case cudaDevAttrConcurrentManagedAccess:
      case cudaDevAttrPageableMemoryAccess: *value = 0; break;
      default: refuse(cudaErrorNotSupported, "the simulator does not know the attribute ", static_cast<int>(attribute));
    }
  });
}
cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device) {
  return api("cudaDeviceGetPCIBusId", CallKind::call, [&] {
    requireDevice(device);
    std::snprintf(id, static_cast<std::size_t>(length), "0000:%02x:00.0", device + 1);
  });
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  return api("cudaDeviceCanAccessPeer", CallKind::call, [&] {
    requireDevice(device);
    requireDevice(peer);
    *can = 0;
  });
}
cudaError_t cudaDeviceSynchronize(void) {
  return api("cudaDeviceSynchronize", CallKind::call, [&] {
    forbidWhileCapturing("cudaDeviceSynchronize");
    forbidOnDevice(currentDevice(), "cudaDeviceSynchronize");
    synchronizeDevice(currentDevice());
  });
}
cudaError_t cudaDeviceReset(void) {
  return api("cudaDeviceReset", CallKind::never, [&] { clearStickyError(currentDevice()); });
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return api("cudaDeviceGetStreamPriorityRange", CallKind::call, [&] {
    *least = 0;
    *greatest = -5;
  });
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = static_cast<int>(numberSetting("CUDASIM_DRIVER", CUDART_VERSION));
  return cudaSuccess;
}

}  // extern "C"

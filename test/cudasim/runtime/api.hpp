// What every function of the simulated runtime does first: the lock, the count, the ordered failure, the device's own
// error.
#pragma once

#include "device.hpp"
#include "ledger.hpp"

namespace cudasim {

/// The last error of this thread, as cudaGetLastError tells it.
cudaError_t keepError(cudaError_t status);
cudaError_t takeError();
cudaError_t lastError();

/// Runs a call. A Refusal becomes its status, and a violation under the call's name.
template <class Body>
cudaError_t api(const char* name, CallKind kind, Body body) {
  std::lock_guard lock(machineLock());
  noteFunction(name);
  auto allocation = static_cast<int>(cudaErrorMemoryAllocation), failure = static_cast<int>(cudaErrorLaunchFailure);
  if (int status = injected(kind, cudaErrorUnknown, allocation, failure))
    return keepError(static_cast<cudaError_t>(status));
  if (kind != CallKind::never) {
    if (cudaError_t error = stickyError(currentDevice())) return keepError(error);
  }
  try {
    body();
  } catch (const Refusal& refusal) {
    if (refusal.isViolation) violation(text(name, ": ", refusal.sentence));
    return keepError(static_cast<cudaError_t>(refusal.status));
  }
  // work that ran meanwhile may have left an error
  return keepError(kind == CallKind::never ? cudaSuccess : stickyError(currentDevice()));
}

template <class T>
void requireOut(T* pointer) {
  if (!pointer) refuse(cudaErrorInvalidValue, "an address for the result is null");
}

}  // namespace cudasim

// Errors after which CUDA refuses every further call of the process.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "base/error.hpp"

namespace cnn::cuda {

inline constexpr const char* lost = "this process can't use the device any more";

inline bool isFatal(cudaError_t status) {
  constexpr cudaError_t fatal[] = {
      cudaErrorIllegalAddress,    cudaErrorLaunchFailure,       cudaErrorLaunchTimeout,
      cudaErrorMisalignedAddress, cudaErrorIllegalInstruction,  cudaErrorInvalidAddressSpace,
      cudaErrorInvalidPc,         cudaErrorHardwareStackError,  cudaErrorAssert,
      cudaErrorECCUncorrectable,  cudaErrorNvlinkUncorrectable, cudaErrorMpsClientTerminated};
  return std::find(std::begin(fatal), std::end(fatal), status) != std::end(fatal);
}

/// Where cuDNN or cuBLASLt failed because the device had failed before, they give a status of their own: this is what
/// CUDA says, "; …", else nothing. It waits for nothing.
inline std::string whatCudaSays() {
  std::size_t available = 0, total = 0;
  cudaError_t status = cudaMemGetInfo(&available, &total);
  cudaGetLastError();
  return isFatal(status) ? text("; ", cudaGetErrorString(status), " (", cudaGetErrorName(status), "): ", lost) : "";
}

}  // namespace cnn::cuda

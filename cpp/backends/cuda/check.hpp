// How a failed call of a CUDA library becomes an error: CHECK(call) throws BackendError with the call and the library's
// own words.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "base/error.hpp"

namespace cnn::cuda {

[[noreturn]] void failed(cudaError_t status, const char* call);
[[noreturn]] void failed(cublasStatus_t status, const char* call);
[[noreturn]] void failed(cudnnStatus_t status, const char* call);

/// All three libraries call success 0.
template <class Status>
void check(Status status, const char* call) {
  if (static_cast<int>(status) != 0) failed(status, call);
}

}  // namespace cnn::cuda

#define CHECK(call) ::cnn::cuda::check(call, #call)

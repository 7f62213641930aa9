// The sentences of failed library calls.
#include "check.hpp"

#include <algorithm>

namespace cnn::cuda {

namespace {

// After these every further call of the process fails, too.
bool isFatal(cudaError_t status) {
  constexpr cudaError_t fatal[] = {cudaErrorIllegalAddress,    cudaErrorLaunchFailure,  cudaErrorLaunchTimeout, cudaErrorMisalignedAddress,
                                   cudaErrorIllegalInstruction, cudaErrorInvalidAddressSpace, cudaErrorInvalidPc, cudaErrorHardwareStackError,
                                   cudaErrorAssert,             cudaErrorECCUncorrectable};
  return std::find(std::begin(fatal), std::end(fatal), status) != std::end(fatal);
}

}  // namespace

void failed(cudaError_t status, const char* call) {
  cudaGetLastError();  // else the next launch would report it once more
  fail(ErrorKind::backend, call, " failed: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")",
       isFatal(status) ? "; this process can't use the device any more" : "");
}

void failed(cublasStatus_t status, const char* call) {
  fail(ErrorKind::backend, call, " failed: ", cublasLtGetStatusString(status), " (", cublasLtGetStatusName(status), ")");
}

void failed(cudnnStatus_t status, const char* call) {
  char details[512] = "";
  cudnnGetLastErrorString(details, sizeof details);
  fail(ErrorKind::backend, call, " failed: ", cudnnGetErrorString(status), *details ? ": " : "", details);
}

}  // namespace cnn::cuda

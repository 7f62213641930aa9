// The sentences of failed library calls.
#include "check.hpp"

#include "fatal.hpp"

namespace cnn::cuda {

void failed(cudaError_t status, const char* call) {
  cudaGetLastError();  // else the next launch would report it once more
  fail(ErrorKind::backend, call, " failed: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")",
       isFatal(status) ? text("; ", lost) : std::string());
}

void failed(cublasStatus_t status, const char* call) {
  fail(ErrorKind::backend, call, " failed: ", cublasLtGetStatusString(status), " (", cublasLtGetStatusName(status), ")",
       whatCudaSays());
}

void failed(cudnnStatus_t status, const char* call) {
  char details[512] = "";
  cudnnGetLastErrorString(details, sizeof details);
  fail(ErrorKind::backend, call, " failed: ", cudnnGetErrorString(status), *details ? ": " : "", details,
       whatCudaSays());
}

}  // namespace cnn::cuda

// What host code beside the kernels refers to, which never runs in this build.
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <cstdlib>

namespace cnn::cuda {

[[noreturn]] void failed(cudaError_t, const char*) { std::abort(); }
[[noreturn]] void failed(cublasStatus_t, const char*) { std::abort(); }
[[noreturn]] void failed(cudnnStatus_t, const char*) { std::abort(); }

}  // namespace cnn::cuda

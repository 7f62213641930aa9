// What the launches in this library refer to: their checks, where nobody else brings them.
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <cstdlib>

namespace cnn::cuda {

[[noreturn, gnu::weak]] void failed(cudaError_t, const char*) { std::abort(); }
[[noreturn, gnu::weak]] void failed(cublasStatus_t, const char*) { std::abort(); }
[[noreturn, gnu::weak]] void failed(cudnnStatus_t, const char*) { std::abort(); }

}  // namespace cnn::cuda

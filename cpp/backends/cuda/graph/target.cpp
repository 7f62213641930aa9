// The handle of the threads that plan.
#include "target.hpp"

#include "base/error.hpp"

namespace cnn::cuda::graph {

void Planning::open(int ordinal) {
  if (cudaError_t status = cudaSetDevice(ordinal)) fail(ErrorKind::backend, "cudaSetDevice(", ordinal, "): ", cudaGetErrorString(status));
  if (handle_) return;
  if (cudnnStatus_t status = cudnnCreate(&handle_)) fail(ErrorKind::backend, "cudnnCreate: ", wordsOf(status));
}

Planning::~Planning() {
  if (handle_) cudnnDestroy(handle_);
}

}  // namespace cnn::cuda::graph

// A kernel that does nothing, to ask CUDA for.
#include "architectures.hpp"

namespace cnn::cuda {
namespace kernels {

__global__ void nothing() {}

}  // namespace kernels

std::span<const int> architectures() {
#ifdef __CUDA_ARCH_LIST__
  static constexpr int all[] = {__CUDA_ARCH_LIST__};  // nvcc's
#else
  static constexpr int all[] = {0};  // compiled for the CPU
#endif
  return all;
}

cudaError_t askForCode() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kernels::nothing));
}

}  // namespace cnn::cuda

// Engine: what the kernels of one CUDA device share: its stream, the libraries' handles, the switches. One queue's thread runs
// all of it.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <string>

#include "fault.hpp"
#include "layout.hpp"

namespace cnn::cuda {

/// What the user may choose, read when the device opens.
struct Switches {
  bool tf32 = true;            // float32 products on tensor cores with 10 bits of mantissa, as PyTorch's cudnn.allow_tf32
  bool deterministic = false;  // only engines that give the same bits each time
  bool autotune = false;       // time the candidates instead of trusting the heuristic
  std::size_t workspaceCap = std::size_t{256} << 20;  // bytes that one plan may ask for
};

struct Engine {
  int ordinal = 0;
  cudaDeviceProp properties{};
  Switches switches;
  cudaStream_t stream = nullptr;
  cudnnHandle_t cudnn = nullptr;
  cublasLtHandle_t blas = nullptr;
  Fault* fault = nullptr;  // on the device

  explicit Engine(int ordinal);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
};

}  // namespace cnn::cuda

// Engine: what the kernels of one CUDA device share: its stream, the libraries' handles, the switches. One queue's thread runs
// all of it.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "core/backend.hpp"
#include "fault.hpp"
#include "layout.hpp"

namespace cnn::cuda {

struct Engine {
  int ordinal = 0;
  cudaDeviceProp properties{};
  Switches switches;
  cudaStream_t stream = nullptr;
  cudnnHandle_t cudnn = nullptr;    // for Kernel::run, on the queue's thread; its stream is `stream`
  cudnnHandle_t planner = nullptr;  // for prepare: a handle must not serve two threads at once
  cublasLtHandle_t blas = nullptr;
  Fault* fault = nullptr;  // on the device

  explicit Engine(int ordinal);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
};

}  // namespace cnn::cuda

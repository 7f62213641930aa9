// Engine: what the kernels of one CUDA device share: its stream, the libraries' handles, the options. One queue's
// thread runs all of it; kernels are prepared on other threads, one at a time. What other threads ask of `stream`, they
// ask while they hold `capturing`.
#pragma once

#include <mutex>
#include <string>

#include "backends/cuda/options.hpp"
#include "core/backend.hpp"
#include "fault_sites.hpp"
#include "handles.hpp"
#include "layout.hpp"

namespace cnn::cuda {

struct Engine {
  int ordinal = 0;
  cudaDeviceProp properties{};
  CudaOptions options;  // read by prepare

  cudaStream_t stream = nullptr;
  cudnnHandle_t cudnn = nullptr;    // for Kernel::run, on the queue's thread; its stream is `stream`
  cudnnHandle_t planner = nullptr;  // for prepare: a handle must not serve two threads at once
  cublasLtHandle_t blas = nullptr;  // for both: it may
  Fault* fault = nullptr;           // on the device
  FaultSites sites;

  std::mutex preparing;   // held around every prepare
  std::mutex& capturing;  // held while `stream` records instead of running: whatever else it was given would be
                          // recorded, or break the recording

  Engine(int ordinal, const CudaOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Makes the device the calling thread's current one: the first thing on any thread.
  void enter() const;

 private:
  OwnedStream ownStream_;
  OwnedCudnn ownCudnn_, ownPlanner_;
  OwnedBlas ownBlas_;
  DeviceBytes ownFault_;
};

}  // namespace cnn::cuda

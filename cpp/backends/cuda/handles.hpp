// Owners of what CUDA's libraries hand out: each is destroyed by its library's own call.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <memory>
#include <type_traits>

namespace cnn::cuda {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* handle) const noexcept {
    static_cast<void>(destroy(handle));  // a library that fails here is being unloaded
  }
};

template <class Handle, auto destroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<destroy>>;

using OwnedStream = Owned<cudaStream_t, cudaStreamDestroy>;
using OwnedEvent = Owned<cudaEvent_t, cudaEventDestroy>;
using OwnedGraph = Owned<cudaGraph_t, cudaGraphDestroy>;
using OwnedGraphExec = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;
using OwnedCudnn = Owned<cudnnHandle_t, cudnnDestroy>;
using OwnedBlas = Owned<cublasLtHandle_t, cublasLtDestroy>;
using DeviceBytes = std::unique_ptr<void, Destroy<cudaFree>>;
using PinnedBytes = std::unique_ptr<void, Destroy<cudaFreeHost>>;

OwnedStream makeStream();
/// Without a time; who waits for it sleeps.
OwnedEvent makeEvent();
DeviceBytes makeDeviceBytes(std::size_t bytes);
PinnedBytes makePinnedBytes(std::size_t bytes);

}  // namespace cnn::cuda

// The engine's handles, made when the device opens.
#include "engine.hpp"

#include "check.hpp"

namespace cnn::cuda {

OwnedStream makeStream() {
  cudaStream_t stream = nullptr;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return OwnedStream(stream);
}

OwnedEvent makeEvent() {
  cudaEvent_t event = nullptr;
  CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync));
  return OwnedEvent(event);
}

DeviceBytes makeDeviceBytes(std::size_t bytes) {
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, bytes));
  return DeviceBytes(memory);
}

PinnedBytes makePinnedBytes(std::size_t bytes) {
  void* memory = nullptr;
  CHECK(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault));
  return PinnedBytes(memory);
}

namespace {

OwnedCudnn makeCudnn() {
  cudnnHandle_t handle = nullptr;
  CHECK(cudnnCreate(&handle));
  return OwnedCudnn(handle);
}

OwnedBlas makeBlas() {
  cublasLtHandle_t handle = nullptr;
  CHECK(cublasLtCreate(&handle));
  return OwnedBlas(handle);
}

}  // namespace

Engine::Engine(int ordinal, const Switches& switches) : ordinal(ordinal), switches(switches) {
  enter();
  CHECK(cudaGetDeviceProperties(&properties, ordinal));
  stream = (ownStream_ = makeStream()).get();
  cudnn = (ownCudnn_ = makeCudnn()).get();
  CHECK(cudnnSetStream(cudnn, stream));
  planner = (ownPlanner_ = makeCudnn()).get();
  blas = (ownBlas_ = makeBlas()).get();
  fault = static_cast<Fault*>((ownFault_ = makeDeviceBytes(sizeof(Fault))).get());
  CHECK(cudaMemsetAsync(fault, 0, sizeof(Fault), stream));
}

void Engine::enter() const { CHECK(cudaSetDevice(ordinal)); }

}  // namespace cnn::cuda

// The engine's handles, made when the device opens.
#include "engine.hpp"

#include <array>

#include "check.hpp"
#include "code.hpp"

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

// Of a GPU, for all its engines: while one is being closed, its successor may be open already. Where GPUs share one,
// they wait for each other, no more.
std::mutex& captureLockOf(int ordinal) {
  static std::array<std::mutex, 32> all;
  return all[static_cast<std::size_t>(ordinal) % all.size()];
}

}  // namespace

Engine::Engine(int ordinal, const CudaOptions& options)
    : ordinal(ordinal), options(options), capturing(captureLockOf(ordinal)) {
  enter();
  CHECK(cudaGetDeviceProperties(&properties, ordinal));
  if (std::string why = whyNoCode(properties); !why.empty()) fail(ErrorKind::device, why);
  stream = (ownStream_ = makeStream()).get();
  cudnn = (ownCudnn_ = makeCudnn()).get();
  CHECK(cudnnSetStream(cudnn, stream));
  planner = (ownPlanner_ = makeCudnn()).get();
  blas = (ownBlas_ = makeBlas()).get();
  fault = static_cast<Fault*>((ownFault_ = makeDeviceBytes(sizeof(Fault))).get());
  CHECK(cudaMemsetAsync(fault, 0, sizeof(Fault), stream));
}

Engine::~Engine() {
  std::lock_guard lock(capturing);  // the libraries wait for all of the GPU, which would break a recording
  ownBlas_.reset();
  ownPlanner_.reset();
  ownCudnn_.reset();
}

void Engine::enter() const { CHECK(cudaSetDevice(ordinal)); }

}  // namespace cnn::cuda

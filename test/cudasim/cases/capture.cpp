// Stream capture: what it records, what it forbids.
#include "cases.hpp"

extern "C" void __cudaRegisterFunction(void**, const char*, char*, const char*, int, uint3*, uint3*, dim3*, dim3*,
                                       int*);

namespace cases {

namespace {

// y += x
cudaError_t launchAdd(cudaStream_t stream, const float* x, float* y, int n) {
  static const char stub = 0;
  static const bool isKnown = (__cudaRegisterFunction(nullptr, &stub, nullptr, "_ZN5cases3addEPKfPfi", -1, nullptr,
                                                      nullptr, nullptr, nullptr, nullptr),
                               true);
  static_cast<void>(isKnown);
  void* pointers[] = {&x, &y, &n};
  return cudaLaunchKernel(&stub, dim3(1), dim3(32), pointers, 0, stream);
}

cudaStream_t capturing(cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  OK(cudaStreamBeginCapture(stream, mode));
  return stream;
}

}  // namespace

CASE(aGraphReplays, "") {
  float *x = deviceFloats(4), *y = deviceFloats(4);
  upload(x, {1, 2, 3, 4});
  upload(y, {0, 0, 0, 0});
  cudaStream_t stream = capturing();
  OK(cudaMemcpyAsync(y, x, 16, cudaMemcpyDeviceToDevice, stream));
  cudaGraph_t graph = nullptr;
  OK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec = nullptr;
  OK(cudaGraphInstantiate(&exec, graph, 0));
  OK(cudaGraphDestroy(graph));
  REQUIRE(download(y, 4)[3] == 0);  // recorded, not run
  OK(cudaGraphLaunch(exec, stream));
  OK(cudaStreamSynchronize(stream));
  REQUIRE(download(y, 4)[3] == 4);
  upload(x, {1, 2, 3, 5});
  OK(cudaGraphLaunch(exec, stream));
  OK(cudaStreamSynchronize(stream));
  REQUIRE(download(y, 4)[3] == 5);
  OK(cudaGraphExecDestroy(exec));
  OK(cudaStreamDestroy(stream));
  OK(cudaFree(x));
  OK(cudaFree(y));
  REQUIRE(cudasim_alive("") == 0);
}

CASE(aForkIsJoined, "") {
  float *x = deviceFloats(4), *y = deviceFloats(4);
  cudaStream_t stream = capturing(), other = nullptr;
  OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  cudaEvent_t forked = nullptr, joined = nullptr;
  OK(cudaEventCreate(&forked));
  OK(cudaEventCreate(&joined));
  OK(cudaEventRecord(forked, stream));
  OK(cudaStreamWaitEvent(other, forked, 0));
  OK(cudaMemsetAsync(x, 0, 16, other));
  OK(cudaMemsetAsync(y, 0, 16, stream));
  OK(cudaEventRecord(joined, other));
  OK(cudaStreamWaitEvent(stream, joined, 0));
  cudaGraph_t graph = nullptr;
  OK(cudaStreamEndCapture(stream, &graph));
  std::size_t nodes = 0;
  OK(cudaGraphGetNodes(graph, nullptr, &nodes));
  REQUIRE(nodes == 2);
}

CASE(aForkIsNotJoined, "a stream that took part was not waited for") {
  float* x = deviceFloats(4);
  cudaStream_t stream = capturing(), other = nullptr;
  OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  cudaEvent_t forked = nullptr;
  OK(cudaEventCreate(&forked));
  OK(cudaEventRecord(forked, stream));
  OK(cudaStreamWaitEvent(other, forked, 0));
  OK(cudaMemsetAsync(x, 0, 16, other));
  cudaGraph_t graph = nullptr;
  FAILS(cudaStreamEndCapture(stream, &graph));
}

CASE(aSynchronisationBreaksTheCapture, "on a stream that captures") {
  cudaStream_t stream = capturing();
  FAILS(cudaStreamSynchronize(stream));
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
}

CASE(anAllocationBreaksTheCapture, "cudaMalloc while a stream captures") {
  cudaStream_t stream = capturing();
  void* x = nullptr;
  FAILS(cudaMalloc(&x, 16));
  cudaGraph_t graph = nullptr;
  FAILS(cudaStreamEndCapture(stream, &graph));
}

CASE(aRelaxedCaptureAllowsAllocations, "") {
  cudaStream_t stream = capturing(cudaStreamCaptureModeRelaxed);
  void* x = nullptr;
  OK(cudaMalloc(&x, 16));
  cudaGraph_t graph = nullptr;
  OK(cudaStreamEndCapture(stream, &graph));
}

CASE(pageableMemoryInACapture, "pageable memory of the host in a capture") {
  float* x = deviceFloats(4);
  std::vector<float> values(4);
  cudaStream_t stream = capturing();
  FAILS(cudaMemcpyAsync(x, values.data(), 16, cudaMemcpyHostToDevice, stream));
}

CASE(aReplayOnFreedMemory, "used after it was freed") {
  float* x = deviceFloats(4);
  cudaStream_t stream = capturing();
  OK(cudaMemsetAsync(x, 0, 16, stream));
  cudaGraph_t graph = nullptr;
  OK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec = nullptr;
  OK(cudaGraphInstantiate(&exec, graph, 0));
  OK(cudaFree(x));
  FAILS(cudaGraphLaunch(exec, stream));
}

CASE(aFirstLaunchInACapture, "that has never run in a capture: its code would be loaded then") {
  float *x = deviceFloats(4), *y = deviceFloats(4);
  cudaStream_t stream = capturing();
  FAILS(launchAdd(stream, x, y, 4));
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
}

CASE(aLaterLaunchInACapture, "") {
  float *x = deviceFloats(4), *y = deviceFloats(4);
  cudaStream_t first = nullptr;
  OK(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
  upload(x, {1, 2, 3, 4});
  upload(y, {1, 2, 3, 4});
  OK(launchAdd(first, x, y, 4));
  OK(cudaStreamSynchronize(first));
  cudaStream_t stream = capturing();
  OK(launchAdd(stream, x, y, 4));
  cudaGraph_t graph = nullptr;
  OK(cudaStreamEndCapture(stream, &graph));
  REQUIRE(download(y, 4)[3] == 8);
}

}  // namespace cases

// Streams and events: the order of work.
#include "cases.hpp"

namespace cases {

namespace {

cudaStream_t makeStream() {
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}

}  // namespace

CASE(workWaitsUntilSomebodySynchronises, "") {
  float* x = deviceFloats(1);
  upload(x, {3});
  cudaStream_t a = makeStream(), b = makeStream();
  OK(cudaMemsetAsync(x, 0, 4, a));
  void* pinned = nullptr;
  OK(cudaMallocHost(&pinned, 4));
  OK(cudaMemcpyAsync(pinned, x, 4, cudaMemcpyDeviceToHost, b));  // does not wait for a
  OK(cudaStreamSynchronize(b));
  REQUIRE(*static_cast<float*>(pinned) == 3);
  OK(cudaStreamSynchronize(a));
  REQUIRE(download(x, 1)[0] == 0);
}

CASE(anEventOrdersTwoStreams, "") {
  float* x = deviceFloats(1);
  upload(x, {3});
  cudaStream_t a = makeStream(), b = makeStream();
  cudaEvent_t event = nullptr;
  OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  OK(cudaMemsetAsync(x, 0, 4, a));
  OK(cudaEventRecord(event, a));
  OK(cudaStreamWaitEvent(b, event, 0));
  void* pinned = nullptr;
  OK(cudaMallocHost(&pinned, 4));
  OK(cudaMemcpyAsync(pinned, x, 4, cudaMemcpyDeviceToHost, b));
  OK(cudaStreamSynchronize(b));
  REQUIRE(*static_cast<float*>(pinned) == 0);
}

CASE(askingBringsAnAnswer, "") {
  float* x = deviceFloats(1);
  cudaStream_t stream = makeStream();
  cudaEvent_t event = nullptr;
  OK(cudaEventCreate(&event));
  OK(cudaMemsetAsync(x, 0, 4, stream));
  OK(cudaMemsetAsync(x, 1, 4, stream));
  OK(cudaEventRecord(event, stream));
  REQUIRE(cudaEventQuery(event) == cudaErrorNotReady);
  REQUIRE(cudaStreamQuery(stream) == cudaErrorNotReady);
  int asked = 0;
  while (cudaEventQuery(event) == cudaErrorNotReady) asked++;
  REQUIRE(asked < 5);
  OK(cudaStreamQuery(stream));
}

CASE(theDefaultStreamWaitsForBlockingOnes, "") {
  float* x = deviceFloats(1);
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreate(&stream));
  OK(cudaMemsetAsync(x, 0, 4, stream));
  REQUIRE(download(x, 1)[0] == 0);  // cudaMemcpy runs on the default stream
}

CASE(aDestroyedStream, "does not exist") {
  cudaStream_t stream = makeStream();
  OK(cudaStreamDestroy(stream));
  FAILS(cudaStreamSynchronize(stream));
}

CASE(aDestroyedEvent, "does not exist") {
  cudaEvent_t event = nullptr;
  OK(cudaEventCreate(&event));
  OK(cudaEventDestroy(event));
  FAILS(cudaEventRecord(event, nullptr));
}

CASE(errorsOfWorkStay, "") {
  float* x = deviceFloats(4);
  OK(cudaMemset(x, 0, 16));
  cudasim_fail("execute", 1, cudaErrorIllegalAddress);
  REQUIRE(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  REQUIRE(cudaMemset(x, 0, 16) == cudaErrorIllegalAddress);
  OK(cudaFree(x));
  REQUIRE(cudasim_alive("") == 0);
}

}  // namespace cases

// Memory: who may touch what, and until when.
#include <cstring>
#include <thread>

#include "cases.hpp"

namespace cases {

DEADLY(hostReadsDeviceMemory, "the host touches device memory") {
  float* x = deviceFloats(64);
  volatile float value = x[3];
  static_cast<void>(value);
}

DEADLY(hostWritesDeviceMemory, "the host touches device memory") {
  float* x = deviceFloats(64);
  x[0] = 1;
}

DEADLY(anotherThreadReadsDeviceMemory, "the host touches device memory") {
  float* x = deviceFloats(64);
  std::thread([x] {
    volatile float value = x[0];
    static_cast<void>(value);
  }).join();
}

DEADLY(hostReadsBeforeTheQueueWasSynchronised, "pinned memory that a pending copy still needs") {
  float* x = deviceFloats(4096);
  void* pinned = nullptr;
  OK(cudaMallocHost(&pinned, 4096 * sizeof(float)));
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  OK(cudaMemsetAsync(x, 0, 4096 * sizeof(float), stream));
  OK(cudaMemcpyAsync(pinned, x, 4096 * sizeof(float), cudaMemcpyDeviceToHost, stream));
  volatile float value = static_cast<float*>(pinned)[7];
  static_cast<void>(value);
}

DEADLY(hostWritesWhatIsBeingUploaded, "pinned memory that a pending copy still needs") {
  float* x = deviceFloats(4096);
  void* pinned = nullptr;
  OK(cudaMallocHost(&pinned, 4096 * sizeof(float)));
  OK(cudaMemcpyAsync(x, pinned, 4096 * sizeof(float), cudaMemcpyHostToDevice, nullptr));
  static_cast<float*>(pinned)[7] = 1;
}

CASE(smallReadsBeforeSynchronisationSeeNothing, "") {
  float* x = deviceFloats(1);
  void* pinned = nullptr;
  OK(cudaMallocHost(&pinned, sizeof(float)));
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  OK(cudaMemsetAsync(x, 0, sizeof(float), stream));
  auto read = static_cast<volatile float*>(pinned);
  *read = 5;
  OK(cudaMemcpyAsync(pinned, x, sizeof(float), cudaMemcpyDeviceToHost, stream));
  REQUIRE(*read != 0);  // neither the result nor what was there before
  REQUIRE(*read != 5);
  OK(cudaStreamSynchronize(stream));
  REQUIRE(*read == 0);
}

CASE(pageableUploadsAreStagedAtOnce, "") {
  float* x = deviceFloats(4);
  std::vector<float> values = {1, 2, 3, 4};
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreate(&stream));
  OK(cudaMemcpyAsync(x, values.data(), 16, cudaMemcpyHostToDevice, stream));
  values[2] = 9;
  OK(cudaStreamSynchronize(stream));
  REQUIRE(download(x, 4)[2] == 3);
  OK(cudaStreamDestroy(stream));
  OK(cudaFree(x));
  REQUIRE(cudasim_alive("") == 0);
}

CASE(newMemoryIsNotZero, "") {
  float* x = deviceFloats(4);
  float value = download(x, 4)[0];
  REQUIRE(value != value);
}

CASE(useAfterFree, "used after it was freed") {
  float* x = deviceFloats(4);
  OK(cudaFree(x));
  FAILS(cudaMemset(x, 0, 16));
}

CASE(useAfterAStreamsFree, "used after it was freed") {
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreate(&stream));
  void* x = nullptr;
  OK(cudaMallocAsync(&x, 64, stream));
  OK(cudaMemsetAsync(x, 0, 64, stream));
  OK(cudaFreeAsync(x, stream));
  FAILS(cudaMemsetAsync(x, 0, 64, stream));
}

CASE(freeOnOneStreamUseOnAnother, "runs on memory that is freed already") {
  cudaStream_t a = nullptr, b = nullptr;
  OK(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
  OK(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
  void* x = nullptr;
  OK(cudaMallocAsync(&x, 64, a));
  OK(cudaStreamSynchronize(a));
  OK(cudaMemsetAsync(x, 0, 64, b));
  OK(cudaFreeAsync(x, a));  // a does not wait for b
  OK(cudaStreamSynchronize(a));
  FAILS(cudaStreamSynchronize(b));
}

CASE(useOnAStreamThatDoesNotWaitForTheAllocation, "does not wait for its allocation") {
  cudaStream_t a = nullptr, b = nullptr;
  OK(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
  OK(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
  void* x = nullptr;
  OK(cudaMallocAsync(&x, 64, a));
  FAILS(cudaMemsetAsync(x, 0, 64, b));
}

CASE(freedTwice, "freed a second time") {
  float* x = deviceFloats(4);
  OK(cudaFree(x));
  FAILS(cudaFree(x));
}

CASE(freeOfAnotherFamily, "was not allocated by this family of calls") {
  void* x = nullptr;
  OK(cudaMallocHost(&x, 64));
  FAILS(cudaFree(x));
}

CASE(copyBeyondTheEnd, "needs 20 bytes, but lies the start of the 16 bytes") {
  float* x = deviceFloats(4);
  std::vector<float> values(5);
  FAILS(cudaMemcpy(x, values.data(), 20, cudaMemcpyHostToDevice));
}

CASE(wrongDirection, "the copy is said to go from host to device, but the addresses are device to device") {
  float *x = deviceFloats(4), *y = deviceFloats(4);
  FAILS(cudaMemcpy(x, y, 16, cudaMemcpyHostToDevice));
}

CASE(outOfMemory, "") {
  std::size_t available = 0, total = 0;
  OK(cudaMemGetInfo(&available, &total));
  void *x = nullptr, *y = nullptr;
  OK(cudaMalloc(&x, available - 4096));
  REQUIRE(cudaMalloc(&y, 8192) == cudaErrorMemoryAllocation);
  REQUIRE(cudaGetLastError() == cudaErrorMemoryAllocation);
  REQUIRE(cudaGetLastError() == cudaSuccess);
  OK(cudaFree(x));
  OK(cudaMalloc(&y, 8192));
  OK(cudaFree(y));
  REQUIRE(cudasim_alive("") == 0);
}

CASE(leaksAreListed, "") {
  float* x = deviceFloats(4);
  cudaEvent_t event = nullptr;
  OK(cudaEventCreate(&event));
  REQUIRE(cudasim_alive("") == 2);
  REQUIRE(cudasim_alive("event") == 1);
  REQUIRE(std::strstr(cudasim_report(), "cudaMalloc #1, 16 bytes"));
  OK(cudaFree(x));
  OK(cudaEventDestroy(event));
  REQUIRE(cudasim_alive("") == 0);
}

CASE(orderedFailures, "") {
  void* x = nullptr;
  cudasim_fail("allocate", 2, 0);
  OK(cudaMalloc(&x, 16));
  REQUIRE(cudaMalloc(&x, 16) == cudaErrorMemoryAllocation);
  OK(cudaMalloc(&x, 16));
  cudasim_fail("call", 1, cudaErrorInvalidDevice);
  REQUIRE(cudaMemset(x, 0, 16) == cudaErrorInvalidDevice);
  OK(cudaMemset(x, 0, 16));
  REQUIRE(cudasim_calls("allocate") == 3);
  REQUIRE(cudasim_fail("no such kind", 1, 0) == -1);
}

CASE(devicesHaveTheirOwnMemory, "lies on device 0, the stream is of device 1") {
  int count = 0;
  OK(cudaGetDeviceCount(&count));
  REQUIRE(count == 2);  // the test sets CUDASIM_DEVICES
  float* x = deviceFloats(4);
  OK(cudaSetDevice(1));
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreate(&stream));
  FAILS(cudaMemsetAsync(x, 0, 16, stream));
}

CASE(deviceThatDoesNotExist, "device 7 does not exist") { FAILS(cudaSetDevice(7)); }

}  // namespace cases

// Launches: kernels that were compiled for the CPU stand in for those of the device.
#include <cstdlib>
#include <numeric>

#include "cases.hpp"

extern "C" void __cudaRegisterFunction(void**, const char*, char*, const char*, int, uint3*, uint3*, dim3*, dim3*,
                                       int*);

namespace cases {

namespace {

// What nvcc does for every kernel: an address of the host stands for a mangled name.
template <class... Parameters>
struct Kernel {
  char stub = 0;
  explicit Kernel(const char* name) {
    __cudaRegisterFunction(nullptr, &stub, nullptr, name, -1, nullptr, nullptr, nullptr, nullptr, nullptr);
  }

  cudaError_t operator()(dim3 grid, dim3 threads, std::size_t shared, Parameters... parameters) {
    void* pointers[] = {&parameters...};
    return cudaLaunchKernel(&stub, grid, threads, pointers, shared, nullptr);
  }
};

struct Table {
  const float* x[2];
  float* y;
};

std::vector<float> counting(int n) {
  std::vector<float> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

// What the last work moved, as the report says it.
std::string moved(long read, long written, long sectorBytesRead, long sectorBytesWritten) {
  return "\"read\": " + std::to_string(read) + ", \"written\": " + std::to_string(written) +
         ", \"sectorBytesRead\": " + std::to_string(sectorBytesRead) +
         ", \"sectorBytesWritten\": " + std::to_string(sectorBytesWritten) + "}]";
}

std::string traffic() {
  OK(cudaDeviceSynchronize());
  return cudasim_traffic();
}

}  // namespace

CASE(trafficIsCounted, "") {
  setenv("CUDASIM_TRAFFIC", "1", 1);
  float *x = deviceFloats(1000), *y = deviceFloats(1000);
  upload(x, counting(1000));
  upload(y, counting(1000));

  Kernel<const float*, float*, int> add("_ZN5cases3addEPKfPfi");
  OK(add(dim3(3), dim3(128), 0, x, y, 1000));
  REQUIRE(traffic().ends_with(moved(8000, 4000, 8000, 4000)));

  // sixteen bytes at a time
  Kernel<const float*, float*, int> copyFour("_ZN5cases8copyFourEPK6float4PS0_i");
  OK(copyFour(dim3(1), dim3(64), 0, x, y, 250));
  REQUIRE(traffic().ends_with(moved(4000, 4000, 4000, 4000)));

  // 100 floats are 12.5 sectors, but lie among 200
  Kernel<const float*, float*, int> readTwice("_ZN5cases9readTwiceEPVKfPfi");
  OK(readTwice(dim3(1), dim3(32), 0, x, y, 100));
  REQUIRE(traffic().ends_with(moved(800, 400, 800, 416)));

  // shared memory is none of the device's, nor are numbers that lanes exchange
  Kernel<const float*, float*> reverse("_ZN5cases7reverseEPKfPf");
  OK(reverse(dim3(1), dim3(100), 400, x, y));
  REQUIRE(traffic().ends_with(moved(400, 400, 416, 416)));
  Kernel<const float*, float*, int> sumBlocks("_ZN5cases9sumBlocksEPKfPfi");
  OK(sumBlocks(dim3(2), dim3(256), 0, x, y, 512));
  REQUIRE(traffic().ends_with(moved(2048, 8, 2048, 32)));

  // addresses that were found in memory
  Table table{{x, x + 8}, y};
  void* memory = nullptr;
  OK(cudaMalloc(&memory, sizeof table));
  OK(cudaMemcpy(memory, &table, sizeof table, cudaMemcpyHostToDevice));
  Kernel<const Table*, int> addTable("_ZN5cases8addTableEPKNS_5TableEi");
  OK(addTable(dim3(1), dim3(8), 0, static_cast<const Table*>(memory), 8));
  REQUIRE(traffic().ends_with(moved(8 * (24 + 8), 32, 32 + 64, 32)));

  // the graph's number, and how often the host has waited; a copy names what it moves
  cudasim_reset();
  REQUIRE(traffic() == "[]");
  OK(cudaMemcpy(y, x, 400, cudaMemcpyDeviceToDevice));
  REQUIRE(traffic().find("{\"what\": \"cudaMemcpy\", \"bytes\": 800, \"graph\": 0, \"wait\": ") == 1);
}

CASE(aKernelRuns, "") {
  Kernel<const float*, float*, int> kernel("_ZN5cases3addEPKfPfi");
  float *x = deviceFloats(1000), *y = deviceFloats(1000);
  upload(x, counting(1000));
  upload(y, counting(1000));
  OK(kernel(dim3(3), dim3(128), 0, x, y, 1000));
  REQUIRE(download(y, 1000)[999] == 1998);
}

CASE(warpsAndBarriersWork, "") {
  Kernel<const float*, float*, int> kernel("_ZN5cases9sumBlocksEPKfPfi");
  float *x = deviceFloats(512), *y = deviceFloats(2);
  upload(x, counting(512));
  OK(kernel(dim3(2), dim3(256), 0, x, y, 512));
  REQUIRE(download(y, 2)[0] == 255 * 256 / 2);
  REQUIRE(download(y, 2)[1] == 511 * 512 / 2 - 255 * 256 / 2);
}

CASE(dynamicSharedMemory, "") {
  Kernel<const float*, float*> kernel("_ZN5cases7reverseEPKfPf");
  float *x = deviceFloats(100), *y = deviceFloats(100);
  upload(x, counting(100));
  OK(kernel(dim3(1), dim3(100), 400, x, y));
  REQUIRE(download(y, 100)[0] == 99);
}

CASE(addressesInDeviceMemory, "") {
  Kernel<const Table*, int> kernel("_ZN5cases8addTableEPKNS_5TableEi");
  float *x = deviceFloats(10), *y = deviceFloats(10);
  upload(x, counting(10));
  Table table{{x, x}, y};
  void* memory = nullptr;
  OK(cudaMalloc(&memory, sizeof table));
  OK(cudaMemcpy(memory, &table, sizeof table, cudaMemcpyHostToDevice));
  OK(kernel(dim3(1), dim3(4), 0, static_cast<const Table*>(memory), 10));
  REQUIRE(download(y, 10)[9] == 18);
}

DEADLY(tablesStayClosedToTheHostAfterwards, "the host touches device memory") {
  Kernel<const Table*, int> kernel("_ZN5cases8addTableEPKNS_5TableEi");
  float *x = deviceFloats(10), *y = deviceFloats(10);
  Table table{{x, x}, y};
  void* memory = nullptr;
  OK(cudaMalloc(&memory, sizeof table));
  OK(cudaMemcpy(memory, &table, sizeof table, cudaMemcpyHostToDevice));
  OK(kernel(dim3(1), dim3(4), 0, static_cast<const Table*>(memory), 10));
  OK(cudaDeviceSynchronize());
  volatile float value = y[0];
  static_cast<void>(value);
}

CASE(aKernelReachesBehindItsMemory, "touches memory outside its blocks") {
  Kernel<const float*, float*, int> kernel("_ZN5cases3addEPKfPfi");
  float *x = deviceFloats(64), *y = deviceFloats(64);
  OK(kernel(dim3(1), dim3(32), 0, x, y, 4096));
  REQUIRE(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  REQUIRE(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
}

CASE(aKernelWritesAFewBytesTooFar, "bytes behind the 40 bytes of cudaMalloc") {
  Kernel<const float*, float*, int> kernel("_ZN5cases3addEPKfPfi");
  float *x = deviceFloats(64), *y = deviceFloats(10);
  upload(x, counting(64));
  OK(kernel(dim3(1), dim3(32), 0, x, y, 12));
  OK(cudaFree(y));
}

CASE(aKernelGetsAHostPointer, "argument 1 is") {
  Kernel<const float*, float*, int> kernel("_ZN5cases3addEPKfPfi");
  std::vector<float> host(10);
  float* y = deviceFloats(10);
  FAILS(kernel(dim3(1), dim3(32), 0, host.data(), y, 10));
}

CASE(aKernelGetsFreedMemory, "argument 2 is used after it was freed") {
  Kernel<const float*, float*, int> kernel("_ZN5cases3addEPKfPfi");
  float *x = deviceFloats(10), *y = deviceFloats(10);
  OK(cudaFree(y));
  FAILS(kernel(dim3(1), dim3(32), 0, x, y, 10));
}

CASE(threadsEndBeforeABarrier, "8 wait at the barrier of kernels.cu") {
  Kernel<float*> kernel("_ZN5cases19someReachTheBarrierEPf");
  OK(kernel(dim3(1), dim3(16), 0, deviceFloats(16)));
  FAILS(cudaDeviceSynchronize());
}

CASE(threadsWaitAtTwoBarriers, "another at that of kernels.cu") {
  Kernel<float*> kernel("_ZN5cases11twoBarriersEPf");
  OK(kernel(dim3(1), dim3(16), 0, deviceFloats(16)));
  FAILS(cudaDeviceSynchronize());
}

CASE(lanesOfAMaskDontMeet, "lanes of one mask meet at kernels.cu") {
  Kernel<float*> kernel("_ZN5cases11lanesDifferEPf");
  OK(kernel(dim3(1), dim3(64), 0, deviceFloats(64)));
  FAILS(cudaDeviceSynchronize());
}

CASE(aLaneOutsideTheMask, "which is not in the mask") {
  Kernel<float*> kernel("_ZN5cases18laneOutsideTheMaskEPf");
  OK(kernel(dim3(1), dim3(32), 0, deviceFloats(32)));
  FAILS(cudaDeviceSynchronize());
}

CASE(aGridWithoutBlocks, "is empty") {
  Kernel<float*> kernel("_ZN5cases11twoBarriersEPf");
  REQUIRE(kernel(dim3(0), dim3(16), 0, deviceFloats(16)) == cudaErrorInvalidConfiguration);
}

CASE(tooManyThreads, "is too large") {
  Kernel<float*> kernel("_ZN5cases11twoBarriersEPf");
  REQUIRE(kernel(dim3(1), dim3(1025), 0, deviceFloats(16)) == cudaErrorInvalidConfiguration);
}

CASE(aKernelThatIsNotThere, "is not among the") {
  Kernel<float*> kernel("_ZN5cases7missingEPf");
  REQUIRE(kernel(dim3(1), dim3(1), 0, deviceFloats(16)) == cudaErrorInvalidDeviceFunction);
}

}  // namespace cases

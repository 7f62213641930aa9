// The numbers that cuDNN asks of a device, as NVIDIA's data sheets and the CUDA programming guide (compute
// capabilities) state them.
#include "described.hpp"

#include "base/error.hpp"

namespace cnn::cuda::graph {

namespace {

// What a plan depends on, as NVIDIA's tables state it for one product of each architecture.
struct Product {
  int computeCapability;
  const char* name;
  int multiprocessors, threadsPerMultiprocessor, blocksPerMultiprocessor;
  int sharedMemoryOptin;  // bytes that one block may ask for
  long long l2Bytes, memoryBytes;
  int clockKHz, memoryClockKHz;
};

constexpr Product products[] = {
    {75, "T4", 40, 1024, 16, 65536, 4LL << 20, 15LL << 30, 1590000, 5001000},
    {80, "A100", 108, 2048, 32, 166912, 40LL << 20, 40LL << 30, 1410000, 1215000},
    {86, "A10", 72, 1536, 16, 101376, 6LL << 20, 22LL << 30, 1695000, 6251000},
    {89, "L40", 142, 1536, 24, 101376, 96LL << 20, 44LL << 30, 2490000, 9001000},
    {90, "H100", 132, 2048, 32, 232448, 50LL << 20, 79LL << 30, 1980000, 2619000},
    {100, "B200", 148, 2048, 32, 232448, 126LL << 20, 178LL << 30, 1965000, 3996000},
    {120, "RTX 5090", 170, 1536, 24, 101376, 96LL << 20, 31LL << 30, 2407000, 14001000},
};

std::string json(const Product& product) {
  return text(
      "{\"deviceVer\": ", product.computeCapability * 10,
      ", \"driverVer\": 13000, \"cudaVersion\": 13000, \"cudaDeviceId\": 0",
      ", \"totalGlobalMem\": ", product.memoryBytes,
      ", \"maxGridSize\": [2147483647, 65535, 65535], \"maxBlockSize\": [1024, 1024, 64], \"regsPerBlock\": 65536",
      ", \"multiProcessorCount\": ", product.multiprocessors, ", \"smCountOrigin\": 0, \"warpSize\": 32",
      ", \"maxSharedMemoryPerBlock\": 49152, \"maxSharedMemoryPerBlockOptin\": ", product.sharedMemoryOptin,
      ", \"reservedSharedMemoryPerBlock\": 1024, \"maxRegistersPerSM\": 65536, \"maxCtasPerSM\": ",
      product.blocksPerMultiprocessor,
      ", \"maxThreadsPerBlock\": 1024, \"maxThreadsPerSM\": ", product.threadsPerMultiprocessor,
      ", \"pciDeviceId\": 0, \"isTccDriver\": 0, \"supportCoopLaunch\": 1, \"smClockRateKHz\": ", product.clockKHz,
      ", \"memClockRateKHz\": ", product.memoryClockKHz, ", \"l2CacheSize\": ", product.l2Bytes, ", \"deviceName\": \"",
      product.name, "\"}");
}

}  // namespace

Target describedTarget(int computeCapability, const CudaOptions& options) {
  for (const Product& product : products) {
    if (product.computeCapability != computeCapability) continue;
    Target target;
    target.options = options;
    target.described = Descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    std::string properties = json(product);
    target.described.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(properties)).finalize();
    return target;
  }
  fail(ErrorKind::device, "no device of compute capability ", computeCapability,
       " is described, expected 75, 80, 86, 89, 90, 100 or 120");
}

}  // namespace cnn::cuda::graph

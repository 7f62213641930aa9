// Devices, as the environment describes them.
#include "device.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "ledger.hpp"

namespace cudasim {

namespace {

thread_local int current = 0;

std::map<int, cudaError_t>& stickyErrors() {
  static auto& errors = *new std::map<int, cudaError_t>;
  return errors;
}

// The device's entry in CUDASIM_CAPABILITY, or the last one.
void readCapability(int device, int& major, int& minor) {
  std::istringstream list(setting("CUDASIM_CAPABILITY", "9.0"));
  std::string entry;
  for (int i = 0; i <= device && std::getline(list, entry, ','); i++)
    std::sscanf(entry.c_str(), "%d.%d", &major, &minor);
}

}  // namespace

int deviceCount() { return static_cast<int>(numberSetting("CUDASIM_DEVICES", 1)); }

std::size_t deviceMemory() { return static_cast<std::size_t>(numberSetting("CUDASIM_MEMORY", 8LL << 30)); }

cudaDeviceProp deviceProperties(int device) {
  cudaDeviceProp p{};
  std::string name = setting("CUDASIM_NAME", "simulated GPU");
  std::snprintf(p.name, sizeof p.name, "%s", name.c_str());
  readCapability(device, p.major, p.minor);
  std::memset(&p.uuid, 0x40 + device, sizeof p.uuid);
  p.totalGlobalMem = deviceMemory();
  p.sharedMemPerBlock = 48 << 10;
  p.sharedMemPerBlockOptin = 99 << 10;
  p.sharedMemPerMultiprocessor = 100 << 10;
  p.reservedSharedMemPerBlock = 1 << 10;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 2147483647;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.multiProcessorCount = 16;
  p.maxThreadsPerMultiProcessor = 1536;
  p.maxBlocksPerMultiProcessor = 16;
  p.totalConstMem = 64 << 10;
  p.textureAlignment = 512;
  p.memPitch = 2147483647;
  p.memoryBusWidth = 256;
  p.l2CacheSize = 4 << 20;
  p.pciBusID = device + 1;
  p.unifiedAddressing = p.concurrentKernels = p.canMapHostMemory = p.streamPrioritiesSupported = 1;
  p.asyncEngineCount = 2;
  p.memoryPoolsSupported = 1;
  return p;
}

int currentDevice() { return current; }

void setCurrentDevice(int device) {
  requireDevice(device);
  current = device;
}

void requireDevice(int device) {
  if (device < 0 || device >= deviceCount()) {
    refuse(cudaErrorInvalidDevice, "device ", device, " does not exist, there are ", deviceCount());
  }
}

cudaError_t stickyError(int device) {
  auto found = stickyErrors().find(device);
  return found == stickyErrors().end() ? cudaSuccess : found->second;
}

void setStickyError(int device, cudaError_t error) { stickyErrors().try_emplace(device, error); }

void clearStickyError(int device) { stickyErrors().erase(device); }

}  // namespace cudasim

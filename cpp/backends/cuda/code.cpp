// The sentence about a GPU that the plugin was not compiled for.
#include "code.hpp"

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "kernels/architectures.hpp"

namespace cnn::cuda {

namespace {

// What CUDA answers where the code is there, but for other GPUs, or can't be translated for this one.
bool isAboutCode(cudaError_t status) {
  constexpr cudaError_t all[] = {cudaErrorNoKernelImageForDevice, cudaErrorInvalidDeviceFunction,
                                 cudaErrorInvalidKernelImage,     cudaErrorInvalidPtx,
                                 cudaErrorUnsupportedPtxVersion,  cudaErrorJitCompilerNotFound,
                                 cudaErrorJitCompilationDisabled};
  return std::find(std::begin(all), std::end(all), status) != std::end(all);
}

std::string builtFor() {
  std::string list;
  for (int each : architectures()) list += text(list.empty() ? "" : ", ", each / 100, ".", each / 10 % 10);
  return list;
}

}  // namespace

bool isBuiltFor(const cudaDeviceProp& device) {
  std::span<const int> all = architectures();
  return std::find(all.begin(), all.end(), device.major * 100 + device.minor * 10) != all.end();
}

std::string whyNoCode(const cudaDeviceProp& device) {
  cudaError_t status = askForCode();
  cudaGetLastError();  // what it says of other things, the next call says again
  if (!isAboutCode(status)) return "";
  return text(device.name, " has compute capability ", device.major, ".", device.minor,
              ", and the CUDA plugin has no code for it: it was built for ", builtFor(), " (",
              cudaGetErrorString(status), ")");
}

}  // namespace cnn::cuda

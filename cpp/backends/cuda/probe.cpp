// node_cudnn_probe PLUGIN INTERFACE: prints the folder of CUDA's libraries where they were installed for us, and the
// cuda devices of this machine, a line each, or the sentence that says what is missing. It runs in a process of its own
// and opens one library after another, the small ones first.
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "base/error.hpp"
#include "core/cuda_folder.hpp"
#include "core/plugin.hpp"
#include "core/shared_library.hpp"
#include "libraries.hpp"

namespace cnn {

namespace {

constexpr int cudaMajor = CUDART_VERSION / 1000;

void* openLibrary(const char* name) {
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library) return library;
  std::string why = whyNotLoaded(dlerror());
  constexpr int other = 25 - cudaMajor;
  std::filesystem::path folder = cudaFolder(other);
  if (!folder.empty())
    why +=
        text(" --cuda ", cudaMajor, " (", folder.string(), " is for CUDA ", other, ", this build for ", cudaMajor, ")");
  fail(ErrorKind::device, why);
}

template <class F>
F* function(void* library, const char* name, F*) {
  auto found = reinterpret_cast<F*>(dlsym(library, name));
  if (!found) fail(ErrorKind::device, name, " is missing in ", CUDA_LIBRARY("cudart"));
  return found;
}
#define FUNCTION(library, name) function(library, #name, &name)

std::string versionText(int version) { return text(version / 1000, ".", version % 1000 / 10); }

// The runtime opens the driver; it says the same whether that is missing or too old.
void checkDriver(const std::string& library) {
  void* runtime = openLibrary(library.c_str());
  int count = 0, driver = 0;
  cudaError_t status = FUNCTION(runtime, cudaGetDeviceCount)(&count);
  if (status == cudaErrorInsufficientDriver) {
    FUNCTION(runtime, cudaDriverGetVersion)(&driver);
    if (driver == 0)
      fail(ErrorKind::device, "the NVIDIA driver is not installed (libcuda.so.1 was not found or can't be used)");
    fail(ErrorKind::device, "the NVIDIA driver is too old: it knows CUDA ", versionText(driver),
         ", this build needs CUDA ", versionText(CUDART_VERSION));
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    fail(ErrorKind::device, "the NVIDIA driver sees no device",
         visible ? text(" (CUDA_VISIBLE_DEVICES is '", visible, "')") : "");
  }
  if (status != cudaSuccess)
    fail(ErrorKind::device, "the NVIDIA driver fails: ", FUNCTION(runtime, cudaGetErrorString)(status));
}

void print(const DeviceInfo& device, const std::string& warning) {
  std::printf("device\t%s\t%s\t%s\t%s\t%zu\t%d\t%s\t%s\n", device.name.c_str(), device.description.c_str(),
              device.product.c_str(), device.computeCapability.c_str(), device.memoryBytes, device.multiprocessors,
              warning.c_str(), device.unusable.c_str());
}

void run(const char* file, std::string_view interface) {
  // The libraries that were installed for us go before all others.
  std::filesystem::path folder = cudaFolder(cudaMajor), runtime = CUDA_LIBRARY("cudart");
  std::error_code ignored;
  checkDriver(std::filesystem::exists(folder / runtime, ignored) ? folder / runtime : runtime);
  if (!folder.empty()) {
    openCudaFolder(folder, cudaMajor);
    std::printf("libraries\t%s\t%d\n", folder.c_str(), cudaMajor);
  }
  auto open = reinterpret_cast<PluginFunction>(dlsym(openLibrary(file), pluginSymbol));
  const Plugin* plugin = open ? open() : nullptr;
  if (!plugin || interface != plugin->interface)
    fail(ErrorKind::device, "the CUDA plugin ", file, " belongs to another build of the addon, build both again");
  std::string warning;
  if (!dlopen(CUDA_LIBRARY("nvrtc"), RTLD_NOW | RTLD_LOCAL)) {
    warning =
        "cuDNN's kernels that are compiled at run time (batch norm, fusions) can't be used: " + whyNotLoaded(dlerror());
  }
  for (const DeviceInfo& device : plugin->devices()) print(device, warning);
}

}  // namespace

}  // namespace cnn

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: node_cudnn_probe PLUGIN INTERFACE\n");
    return 2;
  }
  try {
    cnn::run(arguments[1], arguments[2]);
  } catch (const std::exception& error) { std::printf("missing\t%s\n", error.what()); }
  std::fflush(stdout);
  std::_Exit(0);  // no library's own clean-up: it has been asked, and may hang
}

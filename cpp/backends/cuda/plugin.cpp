// The plugin's one exported function.
#include <dlfcn.h>

#include "backend.hpp"
#include "libraries.hpp"

extern "C" __attribute__((visibility("default"))) const cnn::Plugin* nodeCudnnPlugin();

const cnn::Plugin* nodeCudnnPlugin() {
  static constexpr cnn::Plugin plugin{CNN_INTERFACE, cnn::cuda::listDevices, cnn::cuda::makeBackend};
  // cuDNN asks for NVRTC by name when it first compiles a kernel: it finds the one that is open, wherever that lies.
  static const void* const nvrtc = dlopen(CUDA_LIBRARY("nvrtc"), RTLD_NOW | RTLD_LOCAL);
  static_cast<void>(nvrtc);
  return &plugin;
}

// The one function by which the addon opens this library.
#include "backend.hpp"

extern "C" __attribute__((visibility("default"))) const cnn::CpuPlugin* nodeCudnnCpuPlugin();

const cnn::CpuPlugin* nodeCudnnCpuPlugin() {
  static constexpr cnn::CpuPlugin plugin{CNN_INTERFACE, cnn::makeCpuBackend};
  return &plugin;
}

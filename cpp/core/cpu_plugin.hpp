// The cpu backend lies beside the addon, in a library for each level of a processor's instructions: which there are,
// and which one is opened.
#pragma once

#include <vector>

#include "backend.hpp"

namespace cnn {

using PrepareFunction = Prepared (*)(const Op&, const Signature&);

/// The table that such a library's one function returns. `interface` is compared before anything else is touched.
struct CpuPlugin {
  const char* interface;
  /// `others` prepares the ops that the backend has no kernel for.
  std::unique_ptr<Backend> (*open)(PrepareFunction others);
};

inline constexpr const char* cpuPluginSymbol = "nodeCudnnCpuPlugin";
using CpuPluginFunction = const CpuPlugin* (*)();

/// The levels that this processor has and that are built, the best first.
std::vector<std::string> cpuLevels();
/// Opens the library of the best level, or of the one that NODE_CUDNN_CPU_LEVEL names, if it isn't open yet. Throws
/// ValueError for a name that is none, DeviceError for a level that is not here and for a library that can't be opened.
std::unique_ptr<Backend> openCpu(PrepareFunction others);

}  // namespace cnn

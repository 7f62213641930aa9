// What a plugin (a backend in a library of its own) exports, and how the core finds the one for cuda devices.
#pragma once

#include <filesystem>

#include "backend.hpp"

namespace cnn {

/// A device of this machine, as its backend describes it.
struct DeviceInfo {
  std::string name, description;
  // cuda devices only
  std::string product, computeCapability;  // "NVIDIA H100 80GB HBM3", "9.0"
  std::size_t memoryBytes = 0;
  int multiprocessors = 0;
  std::string warning;   // what is missing, though most things work
  std::string unusable;  // why it can't be opened, in a sentence; empty: it can
};

/// The table that a plugin's one function returns. `interface` is compared before anything else is touched.
struct Plugin {
  const char* interface;
  /// All devices, those that can't be used as well. Throws where the driver fails.
  std::vector<DeviceInfo> (*devices)();
  std::unique_ptr<Backend> (*open)(int ordinal, const BackendOptions& options);
};

inline constexpr const char* pluginSymbol = "nodeCudnnPlugin";
using PluginFunction = const Plugin* (*)();

/// What is known of the cuda devices of this machine: they, or the one sentence that says why there are none.
struct CudaStatus {
  std::vector<DeviceInfo> devices;   // that can be used
  std::vector<DeviceInfo> unusable;  // the others
  std::string missing;
  std::filesystem::path plugin;  // which looked
  std::string libraries;  // the folder of the CUDA libraries that the probe opened (cuda_folder.hpp); empty: the loader
                          // found them
  int cuda = 0;           // and which CUDA they are of, 12 or 13
};

/// Where plugins are sought, the best first, for whoever has not asked for `cudaStatus` yet; none: in the addon's
/// folder.
void setCudaPlugins(std::vector<std::filesystem::path> files);

/// Looked up once a process, by a program of its own, so that a broken driver can't end this one. Costs nothing where
/// no plugin was built, milliseconds where there is no driver, and as long as the driver takes to start where there is
/// one.
const CudaStatus& cudaStatus();
/// Opens the plugin if it isn't open yet. Throws DeviceError.
std::unique_ptr<Backend> openCuda(int ordinal, const BackendOptions& options);

}  // namespace cnn

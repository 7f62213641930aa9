// Finds the folder, and opens its libraries in the order in which they need each other.
#include "cuda_folder.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace cnn {

namespace {

namespace fs = std::filesystem;

// What opens others by name finds them beside itself (cuDNN) or among those that are open (NVRTC's built-ins, NVRTC,
// cuBLASLt).
std::vector<std::string> toOpen(const fs::path& folder, int major) {
  std::string suffix = text(".so.", major);
  std::vector<std::string> names = {"libcudart" + suffix};
  std::error_code ignored;
  std::string builtins = "libnvrtc-builtins" + suffix;  // its number is that of the release: libnvrtc-builtins.so.13.0
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(builtins)) builtins = name;
  }
  names.insert(names.end(), {builtins, "libnvrtc" + suffix, "libcublasLt" + suffix, "libcudnn.so.9"});
  return names;
}

// cuDNN opens these when it first needs them; that is late to learn that one is missing.
constexpr const char* partsOfCudnn[] = {"libcudnn_graph.so.9",
                                        "libcudnn_ops.so.9",
                                        "libcudnn_cnn.so.9",
                                        "libcudnn_heuristic.so.9",
                                        "libcudnn_engines_precompiled.so.9",
                                        "libcudnn_engines_runtime_compiled.so.9"};

std::string repair(int major) {
  return text("get it again with: npx node-cudnn cuda install --cuda ", major, " --force");
}

}  // namespace

fs::path cudaFolder(int major) {
  auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value && *value ? fs::path(value) : fs::path();
  };
  fs::path root;
  if (std::getenv("NODE_CUDNN_CUDA_DIR")) {
    root = set("NODE_CUDNN_CUDA_DIR");  // empty: look nowhere
  } else if (fs::path cache = set("XDG_CACHE_HOME"); !cache.empty()) {
    root = cache / "node-cudnn";
  } else if (fs::path home = set("HOME"); !home.empty()) {
    root = home / ".cache" / "node-cudnn";
  }
  if (root.empty()) return {};
  std::error_code ignored;
  fs::path folder = root / text("cuda-", major);
  return fs::is_directory(folder, ignored) ? fs::absolute(folder, ignored) : fs::path();
}

void openCudaFolder(const fs::path& folder, int major) {
  std::error_code ignored;
  std::vector<std::string> names = toOpen(folder, major);
  std::vector<std::string> expected = names;
  expected.insert(expected.end(), std::begin(partsOfCudnn), std::end(partsOfCudnn));
  for (const std::string& name : expected) {
    if (!fs::exists(folder / name, ignored))
      fail(ErrorKind::device, folder.string(), " lacks ", name, "; ", repair(major));
  }
  for (const std::string& name : names) {
    if (!dlopen((folder / name).c_str(), RTLD_NOW | RTLD_LOCAL))
      fail(ErrorKind::device, dlerror(), "; ", repair(major));
  }
}

}  // namespace cnn

// Libraries that are opened at run time: where ours lie, and what dlopen's complaint means for a user: which one is missing, and what it is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cnn {

/// The folder of the addon, where its plugins lie.
std::filesystem::path addonFolder();

/// "libcudnn.so.9 (cuDNN) was not found; get it with: …", from "libcudnn.so.9: cannot open shared object file: No such file or directory";
/// other complaints as they are.
inline std::string whyNotLoaded(std::string_view error) {
  constexpr std::string_view absent = ": cannot open shared object file: No such file";
  std::size_t end = error.find(absent);
  if (end == std::string_view::npos) return std::string(error);
  std::string_view file = error.substr(0, end);
  file.remove_prefix(file.rfind('/') + 1);
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"libcudart.", "the CUDA runtime"}, {"libcudnn", "cuDNN"},         {"libcublasLt.", "cuBLASLt"},
      {"libcublas.", "cuBLAS"},           {"libnvrtc", "CUDA's compiler at run time, NVRTC"}, {"libcuda.", "the NVIDIA driver"},
      {"libdnnl", "oneDNN"},              {"libgomp.", "the runtime of OpenMP"}};
  std::string what;
  for (auto [prefix, name] : names) {
    if (file.starts_with(prefix) && what.empty()) what = " (" + std::string(name) + ")";
  }
  bool isInstallable = !what.empty() && !file.starts_with("libcuda.");
  return std::string(file) + what + " was not found" + (isInstallable ? "; get it with: npx node-cudnn cuda install" : "");
}

}  // namespace cnn

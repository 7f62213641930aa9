// Libraries that are opened at run time: where ours lie, and what dlopen's complaint means for a user: which one is
// missing, and what it is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cnn {

/// The folder of the addon, where its plugins lie.
std::filesystem::path addonFolder();

/// "libcudnn.so.9 (cuDNN) was not found; get it with: …", from "libcudnn.so.9: cannot open shared object file: No such
/// file or directory"; other complaints as they are.
inline std::string whyNotLoaded(std::string_view error) {
  constexpr std::string_view absent = ": cannot open shared object file: No such file";
  std::size_t end = error.find(absent);
  if (end == std::string_view::npos) return std::string(error);
  std::string_view file = error.substr(0, end);
  file.remove_prefix(file.rfind('/') + 1);
  struct Known {
    std::string_view prefix, name;
    bool isFetched;  // by `npx node-cudnn cuda install`
  };
  constexpr Known known[] = {{"libcudart.", "the CUDA runtime", true},
                             {"libcudnn", "cuDNN", true},
                             {"libcublasLt.", "cuBLASLt", true},
                             {"libcublas.", "cuBLAS", true},
                             {"libnvrtc", "CUDA's compiler at run time, NVRTC", true},
                             {"libcuda.", "the NVIDIA driver", false},
                             {"libdnnl", "oneDNN", false},
                             {"libgomp.", "the runtime of OpenMP", false}};
  for (const Known& each : known) {
    if (!file.starts_with(each.prefix)) continue;
    return std::string(file) + " (" + std::string(each.name) + ") was not found" +
           (each.isFetched ? "; get it with: npx node-cudnn cuda install" : "");
  }
  return std::string(file) + " was not found";
}

}  // namespace cnn

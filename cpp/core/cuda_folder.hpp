// Where `npx node-cudnn cuda install` puts NVIDIA's libraries, and how they are opened before the plugin that needs
// them.
#pragma once

#include <filesystem>

namespace cnn {

/// The folder of the libraries for CUDA 12 or 13: cuda-12 or cuda-13 in NODE_CUDNN_CUDA_DIR, else in node-cudnn in the
/// user's cache
/// ($XDG_CACHE_HOME or ~/.cache). Empty where there is none. scripts/cuda/folder.mjs says the same.
std::filesystem::path cudaFolder(int major);

/// Opens the folder's libraries by their full paths, each after what it needs, and keeps them open: whoever asks for
/// one by its name afterwards, as the plugin and cuDNN do, gets it and not another. Throws DeviceError, with the cure,
/// where one is missing or broken.
void openCudaFolder(const std::filesystem::path& folder, int major);

}  // namespace cnn

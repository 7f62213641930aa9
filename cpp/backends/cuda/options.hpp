// What the user may choose of how cuda devices compute.
#pragma once

#include <cstddef>

#include "core/backend.hpp"

namespace cnn {

/// Kernels that are prepared later follow it.
struct CudaOptions final : BackendOptions {
  bool allowTf32 = true;  // float32 products on tensor cores with 10 bits of mantissa, as PyTorch's cudnn.allow_tf32
  bool deterministic = false;                           // only engines that give the same bits each time
  bool benchmark = false;                               // time the candidates instead of trusting the heuristic
  std::size_t workspaceLimit = std::size_t{256} << 20;  // bytes that one kernel may ask for
};

}  // namespace cnn

// Target: the device that plans are made for. It is present, by a cuDNN handle, or only described, for tests on a
// machine without a GPU. Descriptions came with cuDNN 9.8; nothing else in the backend is newer than 9.0.
#pragma once

#include "backends/cuda/options.hpp"
#include "core/backend.hpp"
#include "descriptor.hpp"

namespace cnn::cuda::graph {

struct Target {
  cudnnHandle_t handle = nullptr;  // null: a described device
  Descriptor described;            // stays empty where cuDNN is older than 9.8
  CudaOptions options;

  /// Tells a heuristic, or an engine, which device it is for, if that is a described one.
#if CUDNN_VERSION >= 90800
  void tellHeuristics(Descriptor& heuristics) const {
    if (described) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, described);
  }
  void tellEngine(Descriptor& engine) const {
    if (described) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, described);
  }
#else
  void tellHeuristics(Descriptor&) const {}
  void tellEngine(Descriptor&) const {}
#endif
};

}  // namespace cnn::cuda::graph

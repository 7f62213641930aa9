// Optimizer steps and gradient clipping: all tensors of a step in one launch (a few, where they are very many).
#pragma once

#include <cuda_runtime_api.h>

#include <span>
#include <vector>

#include "backends/cuda/fault.hpp"
#include "base/desc.hpp"

namespace cnn::cuda {

/// Lists of tensors, one after the other: tensor i of every list has sizes[i] elements, all of one type (float32 or
/// float64).
struct TensorLists {
  DType dtype = DType::float32;
  std::vector<Index> sizes;
  std::size_t lists = 0;
  const Fault* fault = nullptr;  // on the device: where there is one, nothing is updated
};

struct SgdStep {
  double learningRate, momentum, dampening, weightDecay;
  bool nesterov, isFirst;
};
/// Lists: params, grads, and buffers if there are three.
void launchSgd(cudaStream_t, const TensorLists&, const SgdStep&, std::span<void* const> tensors);

struct AdamStep {
  double learningRate, beta1, beta2, eps, weightDecay;
  double correction1, correction2;  // 1 − beta1^step and √(1 − beta2^step)
  bool decoupled;
};
/// Lists: params, grads, averages, squares, and maxSquares if there are five.
void launchAdam(cudaStream_t, const TensorLists&, const AdamStep&, std::span<void* const> tensors);

struct RmsPropStep {
  double learningRate, alpha, eps, weightDecay, momentum;
  bool centered;
};
/// Lists: params, grads, squares, buffers if there is one more, averages if `centered`.
void launchRmsProp(cudaStream_t, const TensorLists&, const RmsPropStep&, std::span<void* const> tensors);

/// One list of grads. The norm of all of them, of order normType (infinite: the greatest), goes to `norm`, and they are
/// scaled by maxNorm / (norm + 1e-6) where that is less than 1. The host waits for nothing.
std::size_t clipGradNormWorkspace(const TensorLists&);
void launchClipGradNorm(cudaStream_t, const TensorLists&, double maxNorm, double normType, std::span<void* const> grads,
                        void* norm, void* workspace);
/// One list of grads, each element brought into [−limit, limit].
void launchClipGradValue(cudaStream_t, const TensorLists&, double limit, std::span<void* const> grads);

}  // namespace cnn::cuda

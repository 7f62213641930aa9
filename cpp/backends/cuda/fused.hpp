// Fusions that the compiled path may ask for: one kernel for a convolution and what follows it, where cuDNN has it.
#pragma once

#include "kernels.hpp"
#include "plans/plans.hpp"

namespace cnn::cuda {

/// y = f(scale·conv(x, weight) + bias + residual). Inputs: x, weight, then those of scale [O], bias [O] and residual (like y) that the
/// epilogue has; the signature's output is the convolution's. Declined where cuDNN has no plan
/// (most but bias and ReLU are compiled, and want autotune): then the ops stay apart. The scale of a batch norm is cheaper in the weights.
Prepared prepareFused(const Conv& op, const plans::Epilogue& epilogue, const Signature& signature, Engine& engine);

}  // namespace cnn::cuda

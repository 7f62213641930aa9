// Convolution and its gradients by own kernels alone: for builds without oneDNN, and wherever they are asked for.
#pragma once

#include "core/backend.hpp"
#include "engine.hpp"

namespace cnn::cpu {

/// Null where the reference loops take over: other types than float32, empty tensors.
KernelPtr prepareOwn(const Conv&, const Signature&, Engine&);
KernelPtr prepareOwn(const ConvActivation&, const Signature&, Engine&);
KernelPtr prepareOwn(const ConvBackwardData&, const Signature&, Engine&);
KernelPtr prepareOwn(const ConvBackwardWeight&, const Signature&, Engine&);

}  // namespace cnn::cpu

// The gradient of the weights of convolutions with few input channels: their activations would be mostly padding in the
// blocked layouts.
#pragma once

#include "conv_geometry.hpp"
#include "core/backend.hpp"

namespace cnn::cpu {

/// For a plain x and a dy with vectors of channels side by side; null where oneDNN's way is better or the geometry is
/// another.
KernelPtr prepareFewInputs(const ConvBackwardWeight& op, const Geometry& geometry, const Signature& signature,
                           Engine& engine);

}  // namespace cnn::cpu

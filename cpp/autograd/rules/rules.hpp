// rules: the gradient rule of each differentiable op. A rule receives dy (one an output; undefined where no gradient
// came) and returns one tensor an input, undefined where none is wanted or none flows. It is written with ops, so it
// also runs on every device, traces, and differentiates again.
#pragma once

#include "autograd/tape.hpp"

namespace cnn {

using Grads = std::span<const Tensor>;

// Ops without a rule are declared, too; nothing calls theirs.
#define CNN_DECLARE(O) Tensors vjp(const O&, const VjpContext&, Grads dy);
CNN_OPS(CNN_DECLARE)
#undef CNN_DECLARE

}  // namespace cnn

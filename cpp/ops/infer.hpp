// infer: the shape rule of each op. It is the one place where a user's wrong shapes and types are found, so its
// messages name the op, what came and what was expected. Optional inputs that were not given are undefined descs.
#pragma once

#include <span>

#include "op.hpp"

namespace cnn {

using Inputs = std::span<const TensorDesc>;

#define CNN_DECLARE(O) Descs infer(const O&, Inputs);
CNN_OPS(CNN_DECLARE)
#undef CNN_DECLARE

/// The descs of the outputs, in the plain layout. Checks first that the inputs are as many as the op's `inputs` says
/// and that only optional ones are absent.
Descs infer(const Op& op, Inputs inputs);

}  // namespace cnn

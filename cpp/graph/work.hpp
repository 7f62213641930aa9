// What an op has to do, for profiles: multiply-adds, and bytes that must be read and written at least.
#pragma once

#include <span>

#include "ops/op.hpp"

namespace cnn::graph {

/// Multiply-adds of convolutions and matrix products (padding counted as the rest), 0 for other ops.
double multiplyAdds(const Op& op, std::span<const TensorDesc> inputs);
/// Every input read once, every output written once.
double bytesMoved(std::span<const TensorDesc> inputs, std::span<const TensorDesc> outputs);

}  // namespace cnn::graph

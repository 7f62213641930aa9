// What an op has to do, for profiles: multiply-adds, and bytes that must be read and written at least.
#pragma once

#include <span>

#include "ops/op.hpp"

namespace cnn::graph {

/// Multiply-adds of convolutions and matrix products (padding counted as the rest), 0 for other ops.
double multiplyAdds(const Op& op, std::span<const TensorDesc> inputs);
/// The same with channels counted in full vectors of `lanes`, as a measure of time: with sixteen, a convolution of 6
/// channels takes as long as one of 16.
double vectorMultiplyAdds(const Op& op, std::span<const TensorDesc> inputs, const TensorDesc& output, Index lanes);
/// Every input read once, every output written once, and what is overwritten both.
double bytesMoved(const Op& op, std::span<const TensorDesc> inputs, std::span<const TensorDesc> outputs);

}  // namespace cnn::graph

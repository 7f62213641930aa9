// Moving elements: with other strides, between layouts, into parts of a tensor, into padding; and filling memory with
// one value. What an element means does not matter, only how many bytes it has.
#pragma once

#include <cuda_runtime_api.h>

#include <span>

#include "ops/shape.hpp"
#include "walk.hpp"

namespace cnn::cuda {

/// Tensors of the walk: y, x. A plain copy where both are contiguous, through tiles where one is the other transposed.
void launchCopy(cudaStream_t, std::size_t elementBytes, Walk<2>, const void* x, void* y);

/// y[i] = the first `elementBytes` of `bits`, for count elements.
void launchFill(cudaStream_t, std::size_t elementBytes, std::uint64_t bits, void* y, Index count);
/// The value as an element of the type, in the lowest bytes: floats round, integers truncate and saturate.
std::uint64_t bitsOf(DType, double value);

/// One input of a concatenation: [outer, bytes], which lie at `start` of each of y's rows [outer, rowBytes].
struct ConcatPart {
  const void* x;
  Index start, bytes;
};
void launchConcat(cudaStream_t, Index outer, Index rowBytes, std::span<const ConcatPart> parts, void* y);

/// Axes in the order of memory, the outermost first.
struct PadShape {
  PadMode mode = PadMode::constant;
  int rank = 0;
  Index input[maxRank] = {}, padded[maxRank] = {}, low[maxRank] = {};  // low < 0: taken away (constant mode only)
  Index inputCount = 1, paddedCount = 1;
};
PadShape makePadShape(PadMode, const TensorDesc& input, const Dims& padded, const Dims& low);

void launchPad(cudaStream_t, std::size_t elementBytes, const PadShape&, std::uint64_t constant, const void* x, void* y);
/// dx = Σ of all places of dy that read it, in a fixed order. float32, float64, float16 and bfloat16.
void launchPadBackward(cudaStream_t, DType, const PadShape&, const void* dy, void* dx);

}  // namespace cnn::cuda

// Reductions over axes, in a fixed order: no atomics, so results are the same each time.
#pragma once

#include <cuda_runtime_api.h>

#include "backends/cuda/fault.hpp"
#include "ops/reduce.hpp"
#include "walk.hpp"

namespace cnn::cuda {

/// How a reduction is cut. A result is made by a warp, by a block (`lanes` 32 or 256), or, where neighbouring results
/// lie side by side in x, by a column of a block of 32 × 8 (`lanes` 0). Where there are few results, each is made of
/// several slices.
struct ReducePlan {
  Walk<1> kept, reduced;  // x at each result, and from there at each element of it
  int lanes = 0;
  int slices = 1;
  Index perSlice = 0;
};

ReducePlan makeReducePlan(const Walk<1>& kept, const Walk<1>& reduced);
/// Results in row-major order of the axes that stay; x in either layout. No axes: all.
ReducePlan makeReducePlan(const TensorDesc& x, const Dims& axes);

/// float32, float64, float16, bfloat16 (the latter two add up in float32) and int32, whose results may be beyond it: a
/// fault.
std::size_t reduceWorkspace(DType, const ReducePlan&);
void launchReduce(cudaStream_t, DType, ReduceFunction, const ReducePlan&, const void* x, void* y, void* workspace,
                  FaultSink = {});

/// The variance (or its root) and the mean of each result; sums are made in float64 and divided by `freedom`. float32,
/// float64 and halves.
std::size_t varianceWorkspace(const ReducePlan&);
void launchVariance(cudaStream_t, DType, bool root, double freedom, const ReducePlan&, const void* x, void* y,
                    void* means, void* workspace);

/// Of x [outer, size, inner]: the position of the first greatest (or least) along `size`; a NaN counts as both.
void launchArgReduce(cudaStream_t, DType, bool max, Index outer, Index size, Index inner, const void* x,
                     std::int32_t* y);

}  // namespace cnn::cuda

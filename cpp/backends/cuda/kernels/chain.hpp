// Chains of element-wise ops, each element in a register from the first link to the last.
#pragma once

#include <cuda_runtime_api.h>

#include <span>

#include "ops/chain.hpp"
#include "walk.hpp"

namespace cnn::cuda {

/// The links as kernels get them.
struct ChainCall {
  struct Link {
    LinkKind kind;
    UnaryFunction unary;
    BinaryFunction binary;
    float alpha, beta;
    int input;  // -1: none
  };
  int count = 0;
  Link links[ChainLinks::capacity] = {};
};

/// x and the others.
inline constexpr int mostChainInputs = 1 + ChainLinks::capacity;
using ChainWalk = Walk<1 + mostChainInputs>;

/// Of float32 and the half types. Tensors of the walk: y, then as many inputs as there are, then numbers that are not
/// read.
void launchChain(cudaStream_t, DType, const ChainCall&, const ChainWalk&, std::span<void* const> inputs, void* y);

}  // namespace cnn::cuda

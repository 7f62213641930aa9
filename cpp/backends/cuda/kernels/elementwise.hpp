// Element by element: functions of one tensor, of two (broadcasting), selection and type conversion.
#pragma once

#include <cuda_runtime_api.h>

#include "ops/elementwise.hpp"
#include "walk.hpp"

namespace cnn::cuda {

/// A function and its parameters.
struct UnaryCall {
  UnaryFunction function;
  double alpha, beta;
};

/// y is bool for isnan and logicalNot, else of the type of x.
void launchUnary(cudaStream_t, DType, const UnaryCall&, const void* x, void* y, Index count);
/// dx = dy · f'(v); v may be null where the function needs none.
void launchUnaryBackward(cudaStream_t, DType, const UnaryCall&, const void* dy, const void* v, void* dx, Index count);
/// Tensors of the walk: y, a, b. y is bool for comparisons, else of the type of a and b.
void launchBinary(cudaStream_t, DType, BinaryFunction, const Walk<3>&, const void* a, const void* b, void* y);
/// Tensors of the walk: y, condition, a, b.
void launchWhere(cudaStream_t, DType, const Walk<4>&, const bool* condition, const void* a, const void* b, void* y);
void launchCast(cudaStream_t, DType from, DType to, const void* x, void* y, Index count);

}  // namespace cnn::cuda

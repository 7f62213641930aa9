// The objects of cuBLASLt: layouts, descriptions and preferences, all made of attributes.
#pragma once

#include <cublasLt.h>

#include <cstring>

#include "../runtime/ledger.hpp"

struct cublasLtContext {
  int device = 0;
};

namespace cudasim::blaslt {

struct Layout {
  cudaDataType_t type = CUDA_R_32F;
  std::int32_t order = CUBLASLT_ORDER_COL;
  std::uint64_t rows = 0, columns = 0;
  std::int64_t leading = 0;
  std::int32_t batch = 1;
  std::int64_t batchStride = 0;

  /// Elements from the first to behind the last.
  std::size_t reach() const;
  std::size_t at(std::size_t row, std::size_t column) const;
  std::string text() const;
};

struct Description {
  std::int32_t compute = CUBLAS_COMPUTE_32F, scale = CUDA_R_32F, pointerMode = CUBLASLT_POINTER_MODE_HOST;
  std::int32_t transposeA = CUBLAS_OP_N, transposeB = CUBLAS_OP_N, transposeC = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
  std::int64_t biasStride = 0;
  std::int32_t biasType = -1;  // -1: as D
};

struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};

/// What an algorithm that the heuristic gave carries in its 64 bytes.
struct Algorithm {
  std::uint64_t mark = 0;
  std::uint64_t workspace = 0;
  std::uint32_t alignment[4] = {};
};
constexpr std::uint64_t algorithmMark = 0x4375644153696d31;

inline constexpr const char *handleKind = "cublasLt handle", *layoutKind = "cublasLt layout",
                            *descriptionKind = "cublasLt matmul description", *preferenceKind = "cublasLt preference";

std::size_t typeBytes(cudaDataType_t type);
const char* typeName(cudaDataType_t type);
void requireAlive(const char* kind, const void* object);
Layout& layoutOf(cublasLtMatrixLayout_t layout);
Description& descriptionOf(cublasLtMatmulDesc_t description);
Preference& preferenceOf(cublasLtMatmulPreference_t preference);

template <class Body>
cublasStatus_t api(const char* name, CallKind kind, Body body) {
  std::lock_guard lock(machineLock());
  if (int status =
          injected(kind, CUBLAS_STATUS_INTERNAL_ERROR, CUBLAS_STATUS_ALLOC_FAILED, CUBLAS_STATUS_EXECUTION_FAILED)) {
    return static_cast<cublasStatus_t>(status);
  }
  try {
    body();
  } catch (const Refusal& refusal) {
    if (refusal.isViolation) violation(text(name, ": ", refusal.sentence));
    return static_cast<cublasStatus_t>(refusal.status);
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace cudasim::blaslt

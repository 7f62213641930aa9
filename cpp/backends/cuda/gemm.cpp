// cuBLASLt is column-major: a row-major y = a·b is its yᵀ = bᵀ·aᵀ, so b comes first and nothing is moved.
#include "gemm.hpp"

#include <algorithm>

#include "check.hpp"

namespace cnn::cuda {

namespace {

cudaDataType_t typeOf(DType dtype) {
  switch (dtype) {
    case DType::float64: return CUDA_R_64F;
    case DType::float16: return CUDA_R_16F;
    case DType::bfloat16: return CUDA_R_16BF;
    case DType::float32:
    case DType::int32:
    case DType::uint8:
    case DType::boolean: break;  // shape rules let no product of the last three through
  }
  return CUDA_R_32F;
}

cublasComputeType_t computeType(DType dtype, bool tf32) {
  if (dtype == DType::float64) return CUBLAS_COMPUTE_64F;
  return dtype == DType::float32 && tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

template <class T>
void set(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t name, const T& value) {
  CHECK(cublasLtMatmulDescSetAttribute(product, name, &value, sizeof value));
}
template <class T>
void set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t name, const T& value) {
  CHECK(cublasLtMatrixLayoutSetAttribute(layout, name, &value, sizeof value));
}
template <class T>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t name, const T& value) {
  CHECK(cublasLtMatmulPreferenceSetAttribute(preference, name, &value, sizeof value));
}

cublasLtEpilogue_t epilogueOf(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::none: break;
    case Epilogue::bias: return CUBLASLT_EPILOGUE_BIAS;
    case Epilogue::rowGradient: return CUBLASLT_EPILOGUE_BGRADB;  // its B is our a, as yᵀ = bᵀ·aᵀ
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

bool hasVector(Epilogue epilogue) { return epilogue != Epilogue::none; }

struct PreferenceDeleter {
  void operator()(cublasLtMatmulPreferenceOpaque_t* each) const noexcept { cublasLtMatmulPreferenceDestroy(each); }
};
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, PreferenceDeleter>;

Preference makePreference(const GemmShape& shape, const CudaOptions& options) {
  cublasLtMatmulPreference_t raw = nullptr;
  CHECK(cublasLtMatmulPreferenceCreate(&raw));
  Preference preference(raw);
  set(raw, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{options.workspaceLimit});
  for (auto pointer : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                       CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(raw, pointer, static_cast<std::uint32_t>(shape.alignment));
  }
  return preference;
}

}  // namespace

// `rows` counts the elements that lie side by side: a row-major matrix of so many columns.
Gemm::Layout Gemm::makeLayout(DType dtype, Index rows, Index columns, Index batch, Index stride) {
  cublasLtMatrixLayout_t layout = nullptr;
  CHECK(cublasLtMatrixLayoutCreate(&layout, typeOf(dtype), static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), rows));
  Layout owned(layout);
  if (batch > 1) {
    set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(batch));
    set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, std::int64_t{stride});
  }
  return owned;
}

Gemm::Gemm(const GemmShape& shape, Engine& engine) : shape_(shape) {
  const auto& [dtype, transposeA, transposeB, m, n, k, batch, strideA, strideB, strideY, epilogue, accumulate,
               alignment] = shape;
  if (batch > INT32_MAX) return;
  cublasLtMatmulDesc_t product = nullptr;
  CHECK(cublasLtMatmulDescCreate(&product, computeType(dtype, engine.options.allowTf32),
                                 dtype == DType::float64 ? CUDA_R_64F : CUDA_R_32F));
  product_.reset(product);
  set(product, CUBLASLT_MATMUL_DESC_TRANSA, transposeB ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(product, CUBLASLT_MATMUL_DESC_TRANSB, transposeA ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (epilogue != Epilogue::none) set(product, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogueOf(epilogue));
  if (hasVector(epilogue)) {
    // the heuristic wants some device pointer, whose alignment it reads; run sets the true one
    set(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(engine.fault));
  }
  a_ = makeLayout(dtype, transposeA ? m : k, transposeA ? k : m, batch, strideA);
  b_ = makeLayout(dtype, transposeB ? k : n, transposeB ? n : k, batch, strideB);
  y_ = makeLayout(dtype, n, m, batch, strideY);

  Preference preference = makePreference(shape, engine.options);
  int found = 0;
  cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(engine.blas, product, b_.get(), a_.get(), y_.get(), y_.get(),
                                                         preference.get(), 1, &algorithm_, &found);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) check(status, "cublasLtMatmulAlgoGetHeuristic");
  isSupported_ = status == CUBLAS_STATUS_SUCCESS && found > 0 && algorithm_.state == CUBLAS_STATUS_SUCCESS;
}

void Gemm::run(const void* a, const void* b, const void* vector, void* y, void* workspace, const Engine& engine) const {
  if (hasVector(shape_.epilogue)) set(product_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  double one = 1, zero = 0;
  float oneFloat = 1, zeroFloat = 0;
  bool isDouble = shape_.dtype == DType::float64;
  const void* alpha = isDouble ? static_cast<const void*>(&one) : &oneFloat;
  const void* beta = isDouble            ? static_cast<const void*>(shape_.accumulate ? &one : &zero)
                     : shape_.accumulate ? &oneFloat
                                         : &zeroFloat;
  CHECK(cublasLtMatmul(engine.blas, product_.get(), alpha, b, b_.get(), a, a_.get(), beta, y, y_.get(), y, y_.get(),
                       &algorithm_.algo, workspace, algorithm_.workspaceSize, engine.stream));
}

}  // namespace cnn::cuda

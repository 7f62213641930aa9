// cuBLASLt: layouts, heuristics, products.
#include "cases.hpp"

namespace cases {

namespace {

struct Product {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, d = nullptr;
  cublasLtMatmulHeuristicResult_t found{};
  float alpha = 1, beta = 0;

  // [m, k]·[k, n], column by column
  Product(std::uint64_t m, std::uint64_t n, std::uint64_t k, std::uint32_t alignment = 256,
          std::uint64_t workspace = 1 << 20) {
    OK(cublasLtCreate(&handle));
    OK(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    OK(cublasLtMatrixLayoutCreate(&a, CUDA_R_32F, m, k, static_cast<std::int64_t>(m)));
    OK(cublasLtMatrixLayoutCreate(&b, CUDA_R_32F, k, n, static_cast<std::int64_t>(k)));
    OK(cublasLtMatrixLayoutCreate(&d, CUDA_R_32F, m, n, static_cast<std::int64_t>(m)));
    cublasLtMatmulPreference_t preference = nullptr;
    OK(cublasLtMatmulPreferenceCreate(&preference));
    OK(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                            sizeof workspace));
    OK(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignment,
                                            sizeof alignment));
    int count = 0;
    OK(cublasLtMatmulAlgoGetHeuristic(handle, description, a, b, d, d, preference, 1, &found, &count));
    REQUIRE(count == 1);
    OK(cublasLtMatmulPreferenceDestroy(preference));
  }
  cublasStatus_t run(const float* x, const float* y, float* out, void* workspace, std::size_t bytes) {
    return cublasLtMatmul(handle, description, &alpha, x, a, y, b, &beta, out, d, out, d, &found.algo, workspace, bytes,
                          nullptr);
  }
  void destroy() {
    OK(cublasLtMatrixLayoutDestroy(a));
    OK(cublasLtMatrixLayoutDestroy(b));
    OK(cublasLtMatrixLayoutDestroy(d));
    OK(cublasLtMatmulDescDestroy(description));
    OK(cublasLtDestroy(handle));
  }
};

void* bytes(std::size_t count) {
  void* memory = nullptr;
  OK(cudaMalloc(&memory, count));
  return memory;
}

}  // namespace

CASE(aProductRuns, "") {
  Product product(2, 2, 3);
  float *a = deviceFloats(6), *b = deviceFloats(6), *d = deviceFloats(4);
  upload(a, {1, 2, 3, 4, 5, 6});
  upload(b, {1, 0, 0, 0, 1, 1});
  void* workspace = bytes(product.found.workspaceSize);
  OK(product.run(a, b, d, workspace, product.found.workspaceSize));
  std::vector<float> values = download(d, 4);
  REQUIRE(values[0] == 1 && values[1] == 2 && values[2] == 8 && values[3] == 10);
  product.destroy();
  for (void* each : {static_cast<void*>(a), static_cast<void*>(b), static_cast<void*>(d), workspace})
    OK(cudaFree(each));
  REQUIRE(cudasim_alive("") == 0);
}

CASE(blasWorkspaceTooSmall, "bytes, the algorithm needs") {
  Product product(2, 2, 3);
  FAILS(product.run(deviceFloats(6), deviceFloats(6), deviceFloats(4), bytes(1024), 1024));
}

CASE(blasWorkspaceSmallerThanSaid, "the workspace needs 32768 bytes") {
  Product product(2, 2, 3);
  FAILS(product.run(deviceFloats(6), deviceFloats(6), deviceFloats(4), bytes(1024), 32768));
}

CASE(blasMisalignedPointer, "not aligned to the 256 bytes that the algorithm was found for") {
  Product product(2, 2, 3, 256, 0);
  FAILS(product.run(deviceFloats(8) + 2, deviceFloats(6), deviceFloats(4), nullptr, 0));
}

CASE(blasAlignedAsSaid, "") {
  Product product(2, 2, 3, 8, 0);
  OK(product.run(deviceFloats(8) + 2, deviceFloats(6), deviceFloats(4), nullptr, 0));
  OK(cudaDeviceSynchronize());
}

CASE(leadingDimensionTooSmall, "its leading dimension must be at least 4") {
  Product product(4, 2, 3);
  std::int64_t leading = 3;
  OK(cublasLtMatrixLayoutSetAttribute(product.a, CUBLASLT_MATRIX_LAYOUT_LD, &leading, sizeof leading));
  FAILS(product.run(deviceFloats(12), deviceFloats(6), deviceFloats(8), bytes(32768), 32768));
}

CASE(productsThatDontFit, "the sizes don't fit") {
  Product product(2, 2, 3);
  std::uint64_t columns = 4;
  OK(cublasLtMatrixLayoutSetAttribute(product.a, CUBLASLT_MATRIX_LAYOUT_COLS, &columns, sizeof columns));
  FAILS(product.run(deviceFloats(8), deviceFloats(6), deviceFloats(4), bytes(32768), 32768));
}

CASE(attributeOfAnotherSize, "the attribute has 8 bytes, given are 4") {
  Product product(2, 2, 3);
  std::int32_t columns = 4;
  FAILS(cublasLtMatrixLayoutSetAttribute(product.a, CUBLASLT_MATRIX_LAYOUT_COLS, &columns, sizeof columns));
}

CASE(matrixTooSmall, "B needs 24 bytes") {
  Product product(2, 2, 3);
  FAILS(product.run(deviceFloats(6), deviceFloats(5), deviceFloats(4), bytes(32768), 32768));
}

CASE(scalarInDeviceMemory, "alpha lies in memory of the device") {
  Product product(2, 2, 3);
  float* d = deviceFloats(4);
  FAILS(cublasLtMatmul(product.handle, product.description, deviceFloats(1), deviceFloats(6), product.a,
                       deviceFloats(6), product.b, &product.beta, d, product.d, d, product.d, nullptr, nullptr, 0,
                       nullptr));
}

CASE(epilogueRowByRow, "an epilogue where D lies row by row") {
  Product product(2, 2, 3);
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
  OK(cublasLtMatmulDescSetAttribute(product.description, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
  std::int32_t order = CUBLASLT_ORDER_ROW;
  OK(cublasLtMatrixLayoutSetAttribute(product.d, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order));
  FAILS(product.run(deviceFloats(6), deviceFloats(6), deviceFloats(4), bytes(32768), 32768));
}

CASE(biasForgotten, "the bias is 0") {
  Product product(2, 2, 3);
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
  OK(cublasLtMatmulDescSetAttribute(product.description, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
  FAILS(product.run(deviceFloats(6), deviceFloats(6), deviceFloats(4), bytes(32768), 32768));
}

CASE(layoutDestroyed, "does not exist (or was destroyed)") {
  Product product(2, 2, 3);
  OK(cublasLtMatrixLayoutDestroy(product.b));
  FAILS(product.run(deviceFloats(6), deviceFloats(6), deviceFloats(4), bytes(32768), 32768));
}

}  // namespace cases

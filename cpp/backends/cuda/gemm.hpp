// Gemm: one matrix product (or a strided batch of them) by cuBLASLt, planned once and run many times.
#pragma once

#include "engine.hpp"

namespace cnn::cuda {

/// What the product does besides, in the same pass.
enum class Epilogue {
  none,
  bias,         // reads a vector [n] and adds it to each row of y
  rowGradient,  // writes a vector [m]: the sums of op(a) over k, which is a bias gradient where a is dy
};

/// y [m, n] = op(a) · op(b), all row-major; a is [m, k] or, transposed, [k, m]; b is [k, n] or [n, k].
struct GemmShape {
  DType dtype = DType::float32;
  bool transposeA = false, transposeB = false;
  Index m = 0, n = 0, k = 0;
  Index batch = 1, batchStrideA = 0, batchStrideB = 0,
        batchStrideY = 0;  // elements between neighbours; of a and b also 0: the same for all
  Epilogue epilogue = Epilogue::none;
  bool accumulate = false;      // y += instead of y =
  std::size_t alignment = 256;  // of every pointer that run will be given
};

class Gemm {
 public:
  /// Throws BackendError where the library fails; without an algorithm for the shape `isSupported` is false.
  Gemm(const GemmShape& shape, Engine& engine);

  bool isSupported() const { return isSupported_; }
  std::size_t workspaceBytes() const { return algorithm_.workspaceSize; }
  /// On the queue's thread.
  /// `vector`: what the epilogue reads or writes; null where it has none.
  void run(const void* a, const void* b, const void* vector, void* y, void* workspace, const Engine& engine) const;

 private:
  struct Deleter {
    void operator()(cublasLtMatmulDescOpaque_t* each) const noexcept { cublasLtMatmulDescDestroy(each); }
    void operator()(cublasLtMatrixLayoutOpaque_t* each) const noexcept { cublasLtMatrixLayoutDestroy(each); }
  };
  using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Deleter>;
  static Layout makeLayout(DType dtype, Index rows, Index columns, Index batch, Index stride);

  GemmShape shape_;
  std::unique_ptr<cublasLtMatmulDescOpaque_t, Deleter> product_;
  Layout a_, b_, y_;
  cublasLtMatmulHeuristicResult_t algorithm_{};
  bool isSupported_ = false;
};

}  // namespace cnn::cuda

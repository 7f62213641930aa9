// Matrix products of plain float32 matrices.
#pragma once

#include "engine.hpp"

namespace cnn::cpu {

/// y [M, N] = a · b (+ y where `accumulate`): a is [M, K], or [K, M] where transposed; b is [K, N], or [N, K].
struct Gemm {
  bool transposeA = false, transposeB = false;
  Index m = 1, n = 1, k = 1;
  bool accumulate = false;
  bool isOwn = false;  // not by oneDNN

  double multiplyAdds() const { return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
  /// Whether one of the factors is a vector: then own loops do it.
  bool isVector() const { return m == 1 || n == 1 || k == 1; }
  /// Of `run`, on so many threads.
  std::size_t scratchBytes(int threads) const;
  void run(const float* a, const float* b, float* y, void* scratch) const;
};

}  // namespace cnn::cpu

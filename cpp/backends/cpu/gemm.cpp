// Matrix products: oneDNN's for matrices, or packed ones of our own where it is absent, and own loops for vectors
// (those are bound by memory).
#include "gemm.hpp"

#include <cstring>

#include "base/error.hpp"
#include "packed_gemm.hpp"
#include "parallel.hpp"
#include "simd.hpp"

namespace cnn::cpu {

namespace {

// The products of `count` rows (4 or 1) that lie k apart with x: x is read once for all of them.
template <int count>
void dotRows(const float* rows, const float* x, Index k, float* sums) {
  Floats8 vectors[count] = {};
  Index i = 0;
  for (; i + 8 <= k; i += 8) {
    auto factor = load<Floats8>(x + i);
    for (int r = 0; r < count; r++) vectors[r] += load<Floats8>(rows + r * k + i) * factor;
  }
  for (int r = 0; r < count; r++) {
    sums[r] = sumOf(vectors[r]);
    for (Index rest = i; rest < k; rest++) sums[r] += rows[r * k + rest] * x[rest];
  }
}

// y[r] = rows[r] · x, rows [R, K].
void rowsTimesVector(const float* rows, const float* x, float* y, Index count, Index k, bool accumulate) {
  parallelRows(count, k, [=](Index from, Index to) {
    float sums[4];
    for (Index r = from; r < to;) {
      Index taken = r + 4 <= to ? 4 : 1;
      if (taken == 4) {
        dotRows<4>(rows + r * k, x, k, sums);
      } else {
        dotRows<1>(rows + r * k, x, k, sums);
      }
      for (Index j = 0; j < taken; j++) y[r + j] = (accumulate ? y[r + j] : 0.0f) + sums[j];
      r += taken;
    }
  });
}

// y = Σ x[k]·rows[k], rows [K, N]; each thread has some columns.
void vectorTimesRows(const float* x, const float* rows, float* y, Index n, Index count, bool accumulate) {
  parallelFor(n, std::max<Index>(64, grainElements / std::max<Index>(count, 1)), [=](Index from, Index to) {
    if (!accumulate) std::memset(y + from, 0, static_cast<std::size_t>(to - from) * sizeof(float));
    Index r = 0;
    for (; r + 4 <= count; r += 4) {
      const float *r0 = rows + r * n, *r1 = r0 + n, *r2 = r1 + n, *r3 = r2 + n;
      float x0 = x[r], x1 = x[r + 1], x2 = x[r + 2], x3 = x[r + 3];
#pragma omp simd
      for (Index j = from; j < to; j++) y[j] += x0 * r0[j] + x1 * r1[j] + x2 * r2[j] + x3 * r3[j];
    }
    for (; r < count; r++) {
      const float* row = rows + r * n;
      float value = x[r];
#pragma omp simd
      for (Index j = from; j < to; j++) y[j] += value * row[j];
    }
  });
}

void outerProduct(const float* a, const float* b, float* y, Index m, Index n, bool accumulate) {
  parallelRows(m, n, [=](Index from, Index to) {
    for (Index i = from; i < to; i++) {
      float value = a[i];
      float* row = y + i * n;
      if (accumulate) {
#pragma omp simd
        for (Index j = 0; j < n; j++) row[j] += value * b[j];
      } else {
#pragma omp simd
        for (Index j = 0; j < n; j++) row[j] = value * b[j];
      }
    }
  });
}

}  // namespace

std::size_t Gemm::scratchBytes(int threads) const {
  return isVector() || !isOwn ? 0 : PackedGemm(*this).scratchBytes(threads);
}

void Gemm::run(const float* a, const float* b, float* y, void* scratch) const {
  if (k == 1) return outerProduct(a, b, y, m, n, accumulate);
  if (m == 1)
    return transposeB ? rowsTimesVector(b, a, y, n, k, accumulate) : vectorTimesRows(a, b, y, n, k, accumulate);
  if (n == 1)
    return transposeA ? vectorTimesRows(b, a, y, m, k, accumulate) : rowsTimesVector(a, b, y, m, k, accumulate);
  if (isOwn) return PackedGemm(*this).run(a, b, y, scratch);
#ifdef CNN_WITH_ONEDNN
  auto status = dnnl_sgemm(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, 1, a, transposeA ? m : k, b,
                           transposeB ? k : n, accumulate ? 1.0f : 0.0f, y, n);
  if (status != dnnl_success)
    fail(ErrorKind::backend, "dnnl_sgemm of oneDNN failed with status ", static_cast<int>(status));
#endif
}

}  // namespace cnn::cpu

// Matrix products: oneDNN's for matrices, own loops for vectors (those are bound by memory).
#include "gemm.hpp"

#include <cstring>

#include "base/error.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

float dot(const float* a, const float* b, Index count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

// y[r] = rows[r] · x, rows [R, K]: four rows at a time, to read x once for all of them.
void rowsTimesVector(const float* rows, const float* x, float* y, Index count, Index k, bool accumulate) {
  parallelRows(count, k, [=](Index from, Index to) {
    Index r = from;
    for (; r + 4 <= to; r += 4) {
      const float *r0 = rows + r * k, *r1 = r0 + k, *r2 = r1 + k, *r3 = r2 + k;
      float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
      for (Index i = 0; i < k; i++) {
        s0 += r0[i] * x[i];
        s1 += r1[i] * x[i];
        s2 += r2[i] * x[i];
        s3 += r3[i] * x[i];
      }
      const float sums[4] = {s0, s1, s2, s3};
      for (int j = 0; j < 4; j++) y[r + j] = (accumulate ? y[r + j] : 0.0f) + sums[j];
    }
    for (; r < to; r++) y[r] = (accumulate ? y[r] : 0.0f) + dot(rows + r * k, x, k);
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

bool Gemm::isSupported() const {
#ifdef CNN_WITH_ONEDNN
  return true;
#else
  return isVector();
#endif
}

void Gemm::run(const float* a, const float* b, float* y) const {
  if (k == 1) return outerProduct(a, b, y, m, n, accumulate);
  if (m == 1) return transposeB ? rowsTimesVector(b, a, y, n, k, accumulate) : vectorTimesRows(a, b, y, n, k, accumulate);
  if (n == 1) return transposeA ? vectorTimesRows(b, a, y, m, k, accumulate) : rowsTimesVector(a, b, y, m, k, accumulate);
#ifdef CNN_WITH_ONEDNN
  auto status = dnnl_sgemm(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', m, n, k, 1, a, transposeA ? m : k, b, transposeB ? k : n,
                           accumulate ? 1.0f : 0.0f, y, n);
  if (status != dnnl_success) fail(ErrorKind::backend, "dnnl_sgemm of oneDNN failed with status ", static_cast<int>(status));
#endif
}

}  // namespace cnn::cpu

// Sums over the positions of a row, for some lanes at once: fast in float32, and joined in double.
#pragma once

#include "channels.hpp"

namespace cnn::cpu {

// Sums run in float32 over this many positions at most, then in double.
inline constexpr Index chunk = 256;

// Σ f(value index) over the positions of one row, for `width` lanes that lie `lanes` apart from position to position.
template <int width, class F>
void sumPositions(Index positions, Index lanes, double* sums, F f) {
  double totals[width] = {};
  for (Index begin = 0; begin < positions; begin += chunk) {
    Index end = std::min(begin + chunk, positions);
    if constexpr (width == 1) {
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (Index p = begin; p < end; p++) sum += f(p * lanes, 0);
      totals[0] += static_cast<double>(sum);
    } else {
      float sum[width] = {};
      for (Index p = begin; p < end; p++) {
#pragma omp simd
        for (int l = 0; l < width; l++) sum[l] += f(p * lanes + l, l);
      }
      for (int l = 0; l < width; l++) totals[l] += static_cast<double>(sum[l]);
    }
  }
  for (int l = 0; l < width; l++) sums[l] = totals[l];
}

// Σ d and Σ d² likewise, d = distance(value index, lane).
template <int width, class F>
void sumDistances(Index positions, Index lanes, double* sums, double* squares, F distance) {
  double totals[width] = {}, totalSquares[width] = {};
  for (Index begin = 0; begin < positions; begin += chunk) {
    Index end = std::min(begin + chunk, positions);
    float sum[width] = {}, square[width] = {};
    if constexpr (width == 1) {
      float one = 0, two = 0;
#pragma omp simd reduction(+ : one, two)
      for (Index p = begin; p < end; p++) {
        float d = distance(p * lanes, 0);
        one += d;
        two += d * d;
      }
      sum[0] = one, square[0] = two;
    } else {
      for (Index p = begin; p < end; p++) {
#pragma omp simd
        for (int l = 0; l < width; l++) {
          float d = distance(p * lanes + l, l);
          sum[l] += d;
          square[l] += d * d;
        }
      }
    }
    for (int l = 0; l < width; l++)
      totals[l] += static_cast<double>(sum[l]), totalSquares[l] += static_cast<double>(square[l]);
  }
  for (int l = 0; l < width; l++) sums[l] = totals[l], squares[l] = totalSquares[l];
}

}  // namespace cnn::cpu

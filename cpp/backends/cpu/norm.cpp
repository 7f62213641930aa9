// Layer and group normalisation on plain rows.
#include <cmath>

#include "kernels.hpp"
#include "sums.hpp"

namespace cnn::cpu {

namespace {

bool isSupported(const Signature& signature) {
  const TensorDesc& x = signature.inputs[0];
  return x.dtype == DType::float32 && x.elements() > 0;
}

// What layer and group norm share: each row is normalised; element i of row r belongs to channel
// (r mod groups)·(channels of a group) + i / spatial.
struct Rows {
  Index samples, groups, channels, spatial;
  Index count() const { return samples * groups; }
  Index groupChannels() const { return channels / groups; }
  Index length() const { return groupChannels() * spatial; }
  Index firstChannel(Index row) const { return row % groups * groupChannels(); }
};

Rows groupRows(const Dims& shape, Index groups) { return {shape[0], groups, shape[1], shape.slice(2).product()}; }

Rows layerRows(const Dims& shape, Index axes) {
  int first = shape.size() - static_cast<int>(axes);
  return {shape.slice(0, first).product(), 1, shape.slice(first).product(), 1};
}

template <class F>
double sumOver(Index count, F f) {
  double sum = 0;
  sumPositions<1>(count, 1, &sum, [&](Index i, int) { return f(i); });
  return sum;
}

// In double, in which the sum of a constant is exact: a constant gradient less its mean must be nothing.
double sumOf(Index count, const float* x) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index i = 0; i < count; i++) sum += static_cast<double>(x[i]);
  return sum;
}

KernelPtr prepareRows(const Signature& signature, const Rows& rows, double eps) {
  if (!isSupported(signature)) return nullptr;
  return makeKernel(signature, [rows, eps](const Run& run) {
    parallelRows(rows.count(), 4 * rows.length(), [&](Index from, Index to) {
      const float *weight = run.in<float>(1), *bias = run.in<float>(2);
      for (Index row = from; row < to; row++) {
        const float* x = run.in<float>(0) + row * rows.length();
        float* y = run.out<float>(0) + row * rows.length();
        auto count = static_cast<double>(rows.length());
        const auto near = static_cast<float>(sumOver(rows.length(), [=](Index i) { return x[i]; }) / count);
        double rest, squares;
        sumDistances<1>(rows.length(), 1, &rest, &squares, [=](Index i, int) { return x[i] - near; });
        rest /= count;  // what rounding left of the mean: that of a constant is the constant
        squares = squares / count - rest * rest;
        const auto mean = static_cast<float>(static_cast<double>(near) + rest);
        auto scale = static_cast<float>(1 / std::sqrt(std::max(squares, 0.0) + eps));
        run.out<float>(1)[row] = mean;
        run.out<float>(2)[row] = scale;
        if (rows.spatial == 1) {
          const float* w = weight ? weight + rows.firstChannel(row) : nullptr;
          const float* b = bias ? bias + rows.firstChannel(row) : nullptr;
          if (w && b) {
#pragma omp simd
            for (Index i = 0; i < rows.length(); i++) y[i] = (x[i] - mean) * scale * w[i] + b[i];
          } else {
#pragma omp simd
            for (Index i = 0; i < rows.length(); i++)
              y[i] = (x[i] - mean) * scale * (w ? w[i] : 1.0f) + (b ? b[i] : 0.0f);
          }
          continue;
        }
        for (Index c = 0; c < rows.groupChannels(); c++) {
          Index channel = rows.firstChannel(row) + c;
          float w = (weight ? weight[channel] : 1.0f) * scale, b = bias ? bias[channel] : 0.0f;
#pragma omp simd
          for (Index i = c * rows.spatial; i < (c + 1) * rows.spatial; i++) y[i] = (x[i] - mean) * w + b;
        }
      }
    });
  });
}

// dx = invStd·(g − mean(g) − x̂·mean(g·x̂)) with g = dy·weight; dw = Σ dy·x̂; db = Σ dy. The sums of each piece of rows
// are kept apart, [pieces][2][channels], and joined at the end, so the result does not depend on the number of threads.
KernelPtr prepareRowsBackward(const Signature& signature, const Rows& rows) {
  if (!isSupported(signature)) return nullptr;
  Index pieces = std::min<Index>(rows.count(), 8);
  return makeKernel(
      signature,
      [rows, pieces](const Run& run) {
        auto* partial = static_cast<float*>(run.workspace);
        const float* weight = run.in<float>(2);
        parallelRows(pieces, 6 * rows.length() * rows.count() / pieces, [&](Index from, Index to) {
          for (Index piece = from; piece < to; piece++) {
            float *weightSums = partial + piece * 2 * rows.channels, *biasSums = weightSums + rows.channels;
            std::fill_n(weightSums, 2 * rows.channels, 0.0f);
            for (Index row = piece * rows.count() / pieces; row < (piece + 1) * rows.count() / pieces; row++) {
              const float *dy = run.in<float>(0) + row * rows.length(), *x = run.in<float>(1) + row * rows.length();
              float* dx = run.out<float>(0) + row * rows.length();
              float mean = run.in<float>(3)[row], scale = run.in<float>(4)[row];
              Index first = rows.firstChannel(row);
              double sumG = 0, sumGX = 0;
              if (rows.spatial == 1) {
                float *dw = weightSums + first, *db = biasSums + first;
                const float* w = weight ? weight + first : nullptr;
#pragma omp simd
                for (Index i = 0; i < rows.length(); i++) {
                  dw[i] += dy[i] * ((x[i] - mean) * scale);
                  db[i] += dy[i];
                }
                sumG = sumOver(rows.length(), [=](Index i) { return dy[i] * (w ? w[i] : 1.0f); });
                sumGX = sumOver(rows.length(),
                                [=](Index i) { return dy[i] * (w ? w[i] : 1.0f) * ((x[i] - mean) * scale); });
              } else {
                for (Index c = 0; c < rows.groupChannels(); c++) {
                  const float *g = dy + c * rows.spatial, *v = x + c * rows.spatial;
                  double sum = sumOf(rows.spatial, g);
                  double product = sumOver(rows.spatial, [=](Index i) { return g[i] * ((v[i] - mean) * scale); });
                  weightSums[first + c] += static_cast<float>(product);
                  biasSums[first + c] += static_cast<float>(sum);
                  double w = weight ? static_cast<double>(weight[first + c]) : 1;
                  sumG += w * sum;
                  sumGX += w * product;
                }
              }
              auto meanG = static_cast<float>(sumG / static_cast<double>(rows.length()));
              auto meanGX = static_cast<float>(sumGX / static_cast<double>(rows.length()));
              for (Index c = 0; c < (rows.spatial == 1 ? 1 : rows.groupChannels()); c++) {
                Index begin = c * rows.spatial, end = rows.spatial == 1 ? rows.length() : begin + rows.spatial;
                const float* w = weight ? weight + first + c : nullptr;
                bool isEach = rows.spatial == 1;
#pragma omp simd
                for (Index i = begin; i < end; i++) {
                  float g = dy[i] * (w ? w[isEach ? i : 0] : 1.0f);
                  dx[i] = scale * (g - meanG - (x[i] - mean) * scale * meanGX);
                }
              }
            }
          }
        });
        for (Index c = 0; c < rows.channels; c++) {
          double dw = 0, db = 0;
          for (Index piece = 0; piece < pieces; piece++) {
            dw += static_cast<double>(partial[piece * 2 * rows.channels + c]);
            db += static_cast<double>(partial[(piece * 2 + 1) * rows.channels + c]);
          }
          run.out<float>(1)[c] = static_cast<float>(dw);
          run.out<float>(2)[c] = static_cast<float>(db);
        }
      },
      static_cast<std::size_t>(pieces * 2 * rows.channels) * sizeof(float));
}

}  // namespace

KernelPtr prepare(const GroupNorm& op, const Signature& signature, Engine&) {
  return prepareRows(signature, groupRows(signature.inputs[0].shape, op.groups), op.eps);
}

KernelPtr prepare(const GroupNormBackward& op, const Signature& signature, Engine&) {
  return prepareRowsBackward(signature, groupRows(signature.inputs[0].shape, op.groups));
}

KernelPtr prepare(const LayerNorm& op, const Signature& signature, Engine&) {
  return prepareRows(signature, layerRows(signature.inputs[0].shape, op.axes), op.eps);
}

KernelPtr prepare(const LayerNormBackward& op, const Signature& signature, Engine&) {
  return prepareRowsBackward(signature, layerRows(signature.inputs[0].shape, op.axes));
}

}  // namespace cnn::cpu

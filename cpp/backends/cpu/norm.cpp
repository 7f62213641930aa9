// Batch normalisation in any layout that can be walked by channels; layer and group normalisation on plain rows.
#include <cmath>

#include "channels.hpp"
#include "kernels.hpp"

namespace cnn::cpu {

namespace {

// Sums run in float32 over this many positions at most, then in double.
constexpr Index chunk = 256;

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

// y = (x − center)·scale + shift, numbers of each lane, over the positions of one row. (A shift that held −center·scale as
// well would lose what x and center have in common.)
void scaleRow(const ChannelView& view, const float* x, const float* center, const float* scale, const float* shift, float* y) {
  if (view.lanes == 1) {
    float m = center[0], a = scale[0], b = shift[0];
#pragma omp simd
    for (Index p = 0; p < view.positions; p++) y[p] = (x[p] - m) * a + b;
    return;
  }
  forLanes(view.lanes, [&](auto width, Index lane) {
    constexpr int w = width();
    float m[w], a[w], b[w];
    for (int l = 0; l < w; l++) m[l] = center[lane + l], a[l] = scale[lane + l], b[l] = shift[lane + l];
    for (Index p = lane; p < lane + view.positions * view.lanes; p += view.lanes) {
#pragma omp simd
      for (int l = 0; l < w; l++) y[p + l] = (x[p + l] - m[l]) * a[l] + b[l];
    }
  });
}

// Per channel, padded lanes included: what is zero there keeps y zero.
struct BatchNormWork {
  double *sums, *squares;  // of each row: [batch][blocks][lanes]
  float *first, *second, *third, *fourth;  // of each channel

  BatchNormWork(const ChannelView& view, void* workspace) {
    Index rows = view.batch * view.blocks * view.lanes, channels = view.blocks * view.lanes;
    sums = static_cast<double*>(workspace);
    squares = sums + rows;
    first = reinterpret_cast<float*>(squares + rows);
    second = first + channels;
    third = second + channels;
    fourth = third + channels;
  }
  static std::size_t bytes(const ChannelView& view) {
    Index rows = view.batch * view.blocks * view.lanes, channels = view.blocks * view.lanes;
    return static_cast<std::size_t>(rows) * 2 * sizeof(double) + static_cast<std::size_t>(channels) * 4 * sizeof(float);
  }
};

// The mean of each row and its squares around that mean: two sweeps over a row that the second finds in the cache.
void rowMoments(const ChannelView& view, const float* x, double* means, double* squares) {
  Index rowElements = view.positions * view.lanes;
  parallelRows(view.batch * view.blocks, 2 * rowElements, [&](Index from, Index to) {
    for (Index row = from; row < to; row++) {
      const float* source = x + row * rowElements;
      forLanes(view.lanes, [&](auto width, Index lane) {
        constexpr int w = width();
        double* mean = means + row * view.lanes + lane;
        sumPositions<w>(view.positions, view.lanes, mean, [=](Index i, int) { return source[i + lane]; });
        float center[w];
        for (int l = 0; l < w; l++) {
          mean[l] /= static_cast<double>(view.positions);
          center[l] = static_cast<float>(mean[l]);
          mean[l] = static_cast<double>(center[l]);
        }
        sumPositions<w>(view.positions, view.lanes, squares + row * view.lanes + lane, [=, &center](Index i, int l) {
          float distance = source[i + lane] - center[l];
          return distance * distance;
        });
      });
    }
  });
}

struct Moments {
  double mean = 0, variance = 0;
};

// Joins the rows of one channel. Each row's squares are around its own rounded mean: the rest is put right here.
Moments joinRows(const ChannelView& view, const BatchNormWork& work, Index channel) {
  Index stride = view.blocks * view.lanes;
  auto rows = static_cast<double>(view.batch), positions = static_cast<double>(view.positions);
  double mean = 0, squares = 0;
  for (Index n = 0; n < view.batch; n++) mean += work.sums[n * stride + channel];
  mean /= rows;
  for (Index n = 0; n < view.batch; n++) {
    double distance = work.sums[n * stride + channel] - mean;
    squares += work.squares[n * stride + channel] + positions * distance * distance;
  }
  return {mean, squares / (rows * positions)};
}

bool isSupported(const Signature& signature) {
  const TensorDesc& x = signature.inputs[0];
  return x.dtype == DType::float32 && x.elements() > 0;
}

}  // namespace

KernelPtr prepare(const BatchNorm& op, const Signature& signature, Engine& engine) {
  TensorDesc x = signature.inputs[0];
  if (!isSupported(signature)) return nullptr;
  if (!engine.view(x)) x.layout = {};
  ChannelView view = *engine.view(x);
  auto run = [view, training = op.training, eps = op.eps](const Run& run) {
    double momentum = std::get<BatchNorm>(run.op).momentum;
    const float *x = run.in<float>(0), *weight = run.in<float>(1), *bias = run.in<float>(2);
    float *runningMean = run.inOut<float>(3), *runningVar = run.inOut<float>(4);
    BatchNormWork work(view, run.workspace);
    float *scale = work.first, *shift = work.second, *center = work.third;
    double count = static_cast<double>(view.batch) * static_cast<double>(view.positions);
    if (training) rowMoments(view, x, work.sums, work.squares);
    for (Index c = 0; c < view.blocks * view.lanes; c++) {
      if (c >= view.channels) {
        scale[c] = shift[c] = center[c] = 0;
        continue;
      }
      Moments used = training ? joinRows(view, work, c) : Moments{static_cast<double>(runningMean[c]), static_cast<double>(runningVar[c])};
      if (training && runningMean) {
        double unbiased = used.variance * count / (count - 1);
        runningMean[c] = static_cast<float>((1 - momentum) * static_cast<double>(runningMean[c]) + momentum * used.mean);
        runningVar[c] = static_cast<float>((1 - momentum) * static_cast<double>(runningVar[c]) + momentum * unbiased);
      }
      double invStd = 1 / std::sqrt(used.variance + eps), w = weight ? static_cast<double>(weight[c]) : 1;
      run.out<float>(1)[c] = static_cast<float>(used.mean);
      run.out<float>(2)[c] = static_cast<float>(invStd);
      scale[c] = static_cast<float>(w * invStd);
      shift[c] = bias ? bias[c] : 0;
      center[c] = static_cast<float>(used.mean);
    }
    float* y = run.out<float>(0);
    Index rowElements = view.positions * view.lanes;
    parallelRows(view.batch * view.blocks, rowElements, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        Index channel = row % view.blocks * view.lanes;
        scaleRow(view, x + row * rowElements, center + channel, scale + channel, shift + channel, y + row * rowElements);
      }
    });
  };
  auto kernel = makeKernel(signature, std::move(run), BatchNormWork::bytes(view));
  kernel->inputLayouts = {x.layout, Layout{}, Layout{}, Layout{}, Layout{}};
  kernel->outputs[0].layout = x.layout;
  return kernel;
}

KernelPtr prepare(const BatchNormBackward& op, const Signature& signature, Engine& engine) {
  TensorDesc x = signature.inputs[1];
  if (!isSupported(signature)) return nullptr;
  if (!engine.view(x)) x.layout = {};
  ChannelView view = *engine.view(x);
  // dx = w·invStd·(dy − mean(dy) − (x − mean)·invStd²·mean(dy·(x − mean))); in evaluation without the means.
  auto run = [view, training = op.training](const Run& run) {
    const float *dy = run.in<float>(0), *x = run.in<float>(1), *weight = run.in<float>(2), *mean = run.in<float>(3), *invStd = run.in<float>(4);
    float *dx = run.out<float>(0), *dw = run.out<float>(1), *db = run.out<float>(2);
    BatchNormWork work(view, run.workspace);
    float *ofDy = work.first, *ofX = work.second, *centerX = work.third, *centerDy = work.fourth;
    Index rowElements = view.positions * view.lanes, stride = view.blocks * view.lanes;
    for (Index c = 0; c < stride; c++) centerX[c] = c < view.channels ? mean[c] : 0;
    parallelRows(view.batch * view.blocks, 2 * rowElements, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        Index channel = row % view.blocks * view.lanes;
        forLanes(view.lanes, [&](auto width, Index lane) {
          constexpr int w = width();
          const float *g = dy + row * rowElements + lane, *v = x + row * rowElements + lane;
          float center[w];
          for (int l = 0; l < w; l++) center[l] = centerX[channel + lane + l];
          sumPositions<w>(view.positions, view.lanes, work.sums + row * view.lanes + lane, [=](Index i, int) { return g[i]; });
          sumPositions<w>(view.positions, view.lanes, work.squares + row * view.lanes + lane,
                          [=, &center](Index i, int l) { return g[i] * (v[i] - center[l]); });
        });
      }
    });
    double count = static_cast<double>(view.batch) * static_cast<double>(view.positions);
    for (Index c = 0; c < stride; c++) {
      if (c >= view.channels) {
        ofDy[c] = ofX[c] = centerDy[c] = 0;
        continue;
      }
      double sum = 0, product = 0, scale = static_cast<double>(invStd[c]), w = weight ? static_cast<double>(weight[c]) : 1;
      for (Index n = 0; n < view.batch; n++) {
        sum += work.sums[n * stride + c];
        product += work.squares[n * stride + c];
      }
      db[c] = static_cast<float>(sum);
      dw[c] = static_cast<float>(product * scale);
      double slope = training ? product / count * scale * scale : 0;
      ofDy[c] = static_cast<float>(w * scale);
      ofX[c] = static_cast<float>(-w * scale * slope);
      centerDy[c] = training ? static_cast<float>(sum / count) : 0;
    }
    parallelRows(view.batch * view.blocks, rowElements, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        Index channel = row % view.blocks * view.lanes;
        forLanes(view.lanes, [&](auto width, Index lane) {
          constexpr int w = width();
          const float *g = dy + row * rowElements + lane, *v = x + row * rowElements + lane;
          float *out = dx + row * rowElements + lane, a[w], b[w], centerG[w], centerV[w];
          for (int l = 0; l < w; l++) {
            Index c = channel + lane + l;
            a[l] = ofDy[c], b[l] = ofX[c], centerG[l] = centerDy[c], centerV[l] = centerX[c];
          }
          if constexpr (w == 1) {
#pragma omp simd
            for (Index p = 0; p < view.positions; p++) {
              Index i = p * view.lanes;
              out[i] = (g[i] - centerG[0]) * a[0] + (v[i] - centerV[0]) * b[0];
            }
          } else {
            for (Index p = 0; p < rowElements; p += view.lanes) {
#pragma omp simd
              for (int l = 0; l < w; l++) out[p + l] = (g[p + l] - centerG[l]) * a[l] + (v[p + l] - centerV[l]) * b[l];
            }
          }
        });
      }
    });
  };
  auto kernel = makeKernel(signature, std::move(run), BatchNormWork::bytes(view));
  kernel->inputLayouts = {x.layout, x.layout, Layout{}, Layout{}, Layout{}};
  kernel->outputs[0].layout = x.layout;
  return kernel;
}

namespace {

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

KernelPtr prepareRows(const Signature& signature, const Rows& rows, double eps) {
  if (!isSupported(signature)) return nullptr;
  return makeKernel(signature, [rows, eps](const Run& run) {
    parallelRows(rows.count(), 4 * rows.length(), [&](Index from, Index to) {
      const float *weight = run.in<float>(1), *bias = run.in<float>(2);
      for (Index row = from; row < to; row++) {
        const float* x = run.in<float>(0) + row * rows.length();
        float* y = run.out<float>(0) + row * rows.length();
        auto count = static_cast<double>(rows.length());
        auto mean = static_cast<float>(sumOver(rows.length(), [=](Index i) { return x[i]; }) / count);
        double rest = sumOver(rows.length(), [=](Index i) { return x[i] - mean; }) / count;  // what rounding the mean left
        double squares = sumOver(rows.length(), [=](Index i) { return (x[i] - mean) * (x[i] - mean); }) / count - rest * rest;
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
            for (Index i = 0; i < rows.length(); i++) y[i] = (x[i] - mean) * scale * (w ? w[i] : 1.0f) + (b ? b[i] : 0.0f);
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

// dx = invStd·(g − mean(g) − x̂·mean(g·x̂)) with g = dy·weight; dw = Σ dy·x̂; db = Σ dy. The sums of each piece of rows are
// kept apart, [pieces][2][channels], and joined at the end, so the result does not depend on the number of threads.
KernelPtr prepareRowsBackward(const Signature& signature, const Rows& rows) {
  if (!isSupported(signature)) return nullptr;
  Index pieces = std::min<Index>(rows.count(), 8);
  return makeKernel(signature, [rows, pieces](const Run& run) {
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
            sumGX = sumOver(rows.length(), [=](Index i) { return dy[i] * (w ? w[i] : 1.0f) * ((x[i] - mean) * scale); });
          } else {
            for (Index c = 0; c < rows.groupChannels(); c++) {
              const float *g = dy + c * rows.spatial, *v = x + c * rows.spatial;
              double sum = sumOver(rows.spatial, [=](Index i) { return g[i]; });
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
  }, static_cast<std::size_t>(pieces * 2 * rows.channels) * sizeof(float));
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

// Batch normalisation in any layout that can be walked by channels, alone or with a residual and an activation in the same sweep.
#include <cmath>

#include "kernels.hpp"
#include "sums.hpp"

namespace cnn::cpu {

namespace {

template <Activation activation>
inline float activated(float value) {
  if constexpr (activation == Activation::identity) return value;
  if constexpr (activation == Activation::relu) return value <= 0 ? 0.0f : value;  // NaN stays
  return value <= 0 ? 0.0f : value >= 6 ? 6.0f : value;
}

// What flows back where the activation's input, or its output, is `value`.
template <Activation activation>
inline float masked(float value, float dy) {
  if constexpr (activation == Activation::identity) return dy;
  if constexpr (activation == Activation::relu) return value <= 0 ? 0.0f : dy;
  return (value > 0) & (value < 6) ? dy : 0.0f;
}

// Calls f(std::integral_constant<Activation, …>).
template <class F>
auto withActivation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::relu: return f(std::integral_constant<Activation, Activation::relu>{});
    case Activation::relu6: return f(std::integral_constant<Activation, Activation::relu6>{});
    default: return f(std::integral_constant<Activation, Activation::identity>{});
  }
}

// y = activation((x − center)·scale + shift + residual), numbers of each lane, over the positions of one row. (A shift that held
// −center·scale as well would lose what x and center have in common.)
template <Activation activation>
void scaleRow(const ChannelView& view, const float* x, const float* center, const float* scale, const float* shift, const float* residual, float* y) {
  if (view.lanes == 1) {
    float m = center[0], a = scale[0], b = shift[0];
    if (residual) {
#pragma omp simd
      for (Index p = 0; p < view.positions; p++) y[p] = activated<activation>((x[p] - m) * a + b + residual[p]);
    } else {
#pragma omp simd
      for (Index p = 0; p < view.positions; p++) y[p] = activated<activation>((x[p] - m) * a + b);
    }
    return;
  }
  forLanes(view.lanes, [&](auto width, Index lane) {
    constexpr int w = width();
    float m[w], a[w], b[w];
    for (int l = 0; l < w; l++) m[l] = center[lane + l], a[l] = scale[lane + l], b[l] = shift[lane + l];
    Index end = lane + view.positions * view.lanes;
    if (residual) {
      for (Index p = lane; p < end; p += view.lanes) {
#pragma omp simd
        for (int l = 0; l < w; l++) y[p + l] = activated<activation>((x[p + l] - m[l]) * a[l] + b[l] + residual[p + l]);
      }
    } else {
      for (Index p = lane; p < end; p += view.lanes) {
#pragma omp simd
        for (int l = 0; l < w; l++) y[p + l] = activated<activation>((x[p + l] - m[l]) * a[l] + b[l]);
      }
    }
  });
}

// Per channel, padded lanes included: what is zero there keeps y zero.
struct BatchNormWork {
  double *sums, *squares;  // of each row: [batch][blocks][lanes]
  float *first, *second, *third, *fourth, *fifth, *sixth;  // of each channel

  BatchNormWork(const ChannelView& view, void* workspace) {
    Index rows = view.batch * view.blocks * view.lanes, channels = view.blocks * view.lanes;
    sums = static_cast<double*>(workspace);
    squares = sums + rows;
    first = reinterpret_cast<float*>(squares + rows);
    second = first + channels;
    third = second + channels;
    fourth = third + channels;
    fifth = fourth + channels;
    sixth = fifth + channels;
  }
  static std::size_t bytes(const ChannelView& view) {
    Index rows = view.batch * view.blocks * view.lanes, channels = view.blocks * view.lanes;
    return static_cast<std::size_t>(rows) * 2 * sizeof(double) + static_cast<std::size_t>(channels) * 6 * sizeof(float);
  }
};

// The mean of each row and its squares around it: two sweeps over a row that the second finds in the cache. It also finds what rounding left of the mean in
// the first, so that the mean of a constant is that constant.
void rowMoments(const ChannelView& view, const float* x, double* means, double* squares) {
  Index rowElements = view.positions * view.lanes;
  parallelRows(view.batch * view.blocks, 2 * rowElements, [&](Index from, Index to) {
    for (Index row = from; row < to; row++) {
      const float* source = x + row * rowElements;
      forLanes(view.lanes, [&](auto width, Index lane) {
        constexpr int w = width();
        double* mean = means + row * view.lanes + lane;
        sumPositions<w>(view.positions, view.lanes, mean, [=](Index i, int) { return source[i + lane]; });
        const auto positions = static_cast<double>(view.positions);
        float center[w];
        for (int l = 0; l < w; l++) center[l] = static_cast<float>(mean[l] / positions);
        double rest[w], *square = squares + row * view.lanes + lane;
        sumDistances<w>(view.positions, view.lanes, rest, square, [=, &center](Index i, int l) { return source[i + lane] - center[l]; });
        for (int l = 0; l < w; l++) {
          rest[l] /= positions;
          mean[l] = static_cast<double>(center[l]) + rest[l];
          square[l] -= positions * rest[l] * rest[l];
        }
      });
    }
  });
}

struct Moments {
  double mean = 0, variance = 0;
};

// Joins the rows of one channel.
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
  return {mean, std::max(squares, 0.0) / (rows * positions)};
}

bool isSupported(const TensorDesc& x) { return x.dtype == DType::float32 && x.elements() > 0; }

double momentumOf(const BatchNorm& op) { return op.momentum; }
double momentumOf(const BatchNormActivation& op) { return op.momentum; }

// Inputs: x weight? bias? runningMean? runningVar? residual?
template <class AnyNorm>
KernelPtr prepareForward(const AnyNorm& op, const Signature& signature, Engine& engine, Activation activation) {
  TensorDesc x = signature.inputs[0];
  if (!isSupported(x)) return nullptr;
  if (!engine.view(x)) x.layout = {};
  ChannelView view = *engine.view(x);
  bool hasResidual = signature.inputs.size() > 5 && signature.inputs[5].defined;
  auto run = [view, hasResidual, activation, training = op.training, eps = op.eps](const Run& run) {
    double momentum = momentumOf(std::get<AnyNorm>(run.op));
    const float *x = run.in<float>(0), *weight = run.in<float>(1), *bias = run.in<float>(2);
    float *runningMean = run.inOut<float>(3), *runningVar = run.inOut<float>(4);
    const float* residual = hasResidual ? run.in<float>(5) : nullptr;
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
      auto invStd = static_cast<float>(1 / std::sqrt(used.variance + eps));
      run.out<float>(1)[c] = static_cast<float>(used.mean);
      run.out<float>(2)[c] = invStd;
      scale[c] = weight ? weight[c] * invStd : invStd;  // as backward computes it again
      shift[c] = bias ? bias[c] : 0;
      center[c] = static_cast<float>(used.mean);
    }
    float* y = run.out<float>(0);
    Index rowElements = view.positions * view.lanes;
    withActivation(activation, [&](auto kind) {
      parallelRows(view.batch * view.blocks, rowElements, [&](Index from, Index to) {
        for (Index row = from; row < to; row++) {
          Index channel = row % view.blocks * view.lanes, at = row * rowElements;
          scaleRow<kind()>(view, x + at, center + channel, scale + channel, shift + channel, residual ? residual + at : nullptr, y + at);
        }
      });
    });
  };
  auto kernel = makeKernel(signature, std::move(run), BatchNormWork::bytes(view));
  kernel->inputLayouts = {x.layout, Layout{}, Layout{}, Layout{}, Layout{}};
  kernel->inPlace = {0};
  if (signature.inputs.size() > 5) {
    kernel->inputLayouts.push_back(hasResidual ? x.layout : Layout{});
    kernel->inPlace.push_back(5);
  }
  kernel->outputs[0].layout = x.layout;
  return kernel;
}

// Σ g and Σ g·(x − center) over the positions of one row; g goes to `residual` as well, if there is one. Σ g is made in double, in which that of a constant is
// exact: a constant less its mean must be nothing, since where a channel is constant too it is multiplied by 1/√eps.
template <int w, Activation activation>
void sumBackward(const ChannelView& view, const float* dy, const float* x, const float* y, float* residual, const float* center, const float* scale,
                 const float* shift, double* sums, double* products) {
  double totals[w] = {}, totalProducts[w] = {};
  for (Index begin = 0; begin < view.positions; begin += chunk) {
    Index end = std::min(begin + chunk, view.positions);
    auto add = [&](auto gradient) {
      float product[w] = {};
      if constexpr (w == 1) {
        double one = 0;
        float two = 0;
#pragma omp simd reduction(+ : one, two)
        for (Index p = begin; p < end; p++) {
          Index i = p * view.lanes;
          float g = gradient(i, 0);
          one += static_cast<double>(g);
          two += g * (x[i] - center[0]);
        }
        totals[0] += one, product[0] = two;
      } else {
        for (Index p = begin; p < end; p++) {
          Index i = p * view.lanes;
#pragma omp simd
          for (int l = 0; l < w; l++) {
            float g = gradient(i + l, l);
            totals[l] += static_cast<double>(g);
            product[l] += g * (x[i + l] - center[l]);
          }
        }
      }
      for (int l = 0; l < w; l++) totalProducts[l] += static_cast<double>(product[l]);
    };
    if (residual) {
      add([=](Index i, int) { return residual[i] = masked<activation>(y[i], dy[i]); });
    } else if (activation == Activation::identity) {
      add([=](Index i, int) { return dy[i]; });
    } else if (y) {
      add([=](Index i, int) { return masked<activation>(y[i], dy[i]); });
    } else {
      add([=](Index i, int l) { return masked<activation>((x[i] - center[l]) * scale[l] + shift[l], dy[i]); });
    }
  }
  for (int l = 0; l < w; l++) sums[l] = totals[l], products[l] = totalProducts[l];
}

// dx = (g − centerG)·a + (x − center)·b over the positions of one row.
template <int w, Activation activation>
void writeBackward(const ChannelView& view, const float* dy, const float* x, const float* y, const float* a, const float* b, const float* centerG,
                   const float* center, const float* scale, const float* shift, float* dx) {
  auto write = [&](auto gradient) {
    if constexpr (w == 1) {
#pragma omp simd
      for (Index p = 0; p < view.positions; p++) {
        Index i = p * view.lanes;
        dx[i] = (gradient(i, 0) - centerG[0]) * a[0] + (x[i] - center[0]) * b[0];
      }
    } else {
      for (Index i = 0; i < view.positions * view.lanes; i += view.lanes) {
#pragma omp simd
        for (int l = 0; l < w; l++) dx[i + l] = (gradient(i + l, l) - centerG[l]) * a[l] + (x[i + l] - center[l]) * b[l];
      }
    }
  };
  if (activation == Activation::identity) {
    write([=](Index i, int) { return dy[i]; });
  } else if (y) {
    write([=](Index i, int) { return masked<activation>(y[i], dy[i]); });
  } else {
    write([=](Index i, int l) { return masked<activation>((x[i] - center[l]) * scale[l] + shift[l], dy[i]); });
  }
}

// What backward reads: where each tensor is among the inputs.
struct BackwardInputs {
  int weight, bias, mean, invStd, y;  // −1: there is none
};

// dx = w·invStd·(g − mean(g) − (x − mean)·invStd²·mean(g·(x − mean))), in evaluation without the means; g is dy where the activation let
// it through. Two sweeps: sums, then dx.
KernelPtr prepareBackward(const Signature& signature, Engine& engine, const BackwardInputs& inputs, bool training, Activation activation, bool hasResidual) {
  TensorDesc x = signature.inputs[1];
  if (!isSupported(x)) return nullptr;
  if (!engine.view(x)) x.layout = {};
  ChannelView view = *engine.view(x);
  bool readsY = inputs.y >= 0 && signature.inputs[static_cast<std::size_t>(inputs.y)].defined;
  auto run = [=](const Run& run) {
    const float *dy = run.in<float>(0), *x = run.in<float>(1), *weight = run.in<float>(inputs.weight), *mean = run.in<float>(inputs.mean),
                *invStd = run.in<float>(inputs.invStd);
    const float* bias = inputs.bias >= 0 ? run.in<float>(inputs.bias) : nullptr;
    const float* y = readsY ? run.in<float>(inputs.y) : nullptr;
    float *dx = run.out<float>(0), *dw = run.out<float>(1), *db = run.out<float>(2), *dr = hasResidual ? run.out<float>(3) : nullptr;
    BatchNormWork work(view, run.workspace);
    float *ofDy = work.first, *ofX = work.second, *centerX = work.third, *centerDy = work.fourth, *scaleX = work.fifth, *shiftX = work.sixth;
    Index rowElements = view.positions * view.lanes, stride = view.blocks * view.lanes;
    for (Index c = 0; c < stride; c++) {
      bool isThere = c < view.channels;
      centerX[c] = isThere ? mean[c] : 0;
      scaleX[c] = isThere ? (weight ? weight[c] * invStd[c] : invStd[c]) : 0;
      shiftX[c] = isThere && bias ? bias[c] : 0;
    }
    withActivation(activation, [&](auto kind) {
      parallelRows(view.batch * view.blocks, 2 * rowElements, [&](Index from, Index to) {
        for (Index row = from; row < to; row++) {
          Index channel = row % view.blocks * view.lanes;
          forLanes(view.lanes, [&](auto width, Index lane) {
            constexpr int w = width();
            Index at = row * rowElements + lane;
            const float *g = dy + at, *v = x + at, *out = y ? y + at : nullptr;
            float* residual = dr ? dr + at : nullptr;
            float center[w], scale[w], shift[w];
            for (int l = 0; l < w; l++) {
              Index c = channel + lane + l;
              center[l] = centerX[c], scale[l] = scaleX[c], shift[l] = shiftX[c];
            }
            sumBackward<w, kind()>(view, g, v, out, residual, center, scale, shift, work.sums + row * view.lanes + lane, work.squares + row * view.lanes + lane);
          });
        }
      });
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
    // With dr there, the masked gradient need not be found again.
    const float* source = dr ? dr : dy;
    withActivation(dr ? Activation::identity : activation, [&](auto kind) {
      parallelRows(view.batch * view.blocks, rowElements, [&](Index from, Index to) {
        for (Index row = from; row < to; row++) {
          Index channel = row % view.blocks * view.lanes;
          forLanes(view.lanes, [&](auto width, Index lane) {
            constexpr int w = width();
            Index at = row * rowElements + lane;
            float a[w], b[w], centerG[w], center[w], scale[w], shift[w];
            for (int l = 0; l < w; l++) {
              Index c = channel + lane + l;
              a[l] = ofDy[c], b[l] = ofX[c], centerG[l] = centerDy[c], center[l] = centerX[c], scale[l] = scaleX[c], shift[l] = shiftX[c];
            }
            writeBackward<w, kind()>(view, source + at, x + at, y ? y + at : nullptr, a, b, centerG, center, scale, shift, dx + at);
          });
        }
      });
    });
  };
  auto kernel = makeKernel(signature, std::move(run), BatchNormWork::bytes(view));
  kernel->inputLayouts.resize(signature.inputs.size());
  kernel->inPlace = {0};
  kernel->inputLayouts[0] = kernel->inputLayouts[1] = x.layout;
  if (readsY) kernel->inputLayouts[static_cast<std::size_t>(inputs.y)] = x.layout;
  kernel->outputs[0].layout = x.layout;
  if (hasResidual) kernel->outputs[3].layout = x.layout;
  return kernel;
}

}  // namespace

KernelPtr prepare(const BatchNorm& op, const Signature& signature, Engine& engine) {
  return prepareForward(op, signature, engine, Activation::identity);
}

KernelPtr prepare(const BatchNormActivation& op, const Signature& signature, Engine& engine) {
  return prepareForward(op, signature, engine, op.activation);
}

KernelPtr prepare(const BatchNormBackward& op, const Signature& signature, Engine& engine) {
  return prepareBackward(signature, engine, {.weight = 2, .bias = -1, .mean = 3, .invStd = 4, .y = -1}, op.training, Activation::identity, false);
}

KernelPtr prepare(const BatchNormActivationBackward& op, const Signature& signature, Engine& engine) {
  return prepareBackward(signature, engine, {.weight = 2, .bias = 3, .mean = 4, .invStd = 5, .y = 6}, op.training, op.activation, op.residual);
}

}  // namespace cnn::cpu

// Batch normalisation in any layout that can be walked by channels, alone or with a residual and an activation in the
// same sweep.
#include <algorithm>
#include <cmath>
#include <utility>

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
    case Activation::identity: break;
  }
  return f(std::integral_constant<Activation, Activation::identity>{});
}

// y = activation((x − center)·scale + shift + residual), numbers of each lane, over the positions of one row. (A shift
// that held −center·scale as well would lose what x and center have in common.)
template <Activation activation>
void scaleRow(const ChannelView& view, const float* x, const float* center, const float* scale, const float* shift,
              const float* residual, float* y) {
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

// Hands out a workspace in pieces.
class Pieces {
 public:
  explicit Pieces(void* workspace) : at_(static_cast<std::byte*>(workspace)) {}
  template <class T>
  T* take(Index count) {
    return reinterpret_cast<T*>(std::exchange(at_, at_ + static_cast<std::size_t>(count) * sizeof(T)));
  }

 private:
  std::byte* at_;
};

Index channelLanes(const ChannelView& view) { return view.blocks * view.lanes; }

// Two numbers of each row, [batch][blocks][lanes], and some of each channel. Those of padded lanes are there too: what
// is zero there keeps y zero.
std::size_t workBytes(const ChannelView& view, Index numbersOfChannel) {
  Index channels = channelLanes(view);
  return static_cast<std::size_t>(view.batch * channels) * 2 * sizeof(double) +
         static_cast<std::size_t>(channels * numbersOfChannel) * sizeof(float);
}

struct ForwardWork {
  static constexpr Index numbersOfChannel = 3;
  double *means, *squares;        // of each row: its mean, and the squares of the distances from it
  float *center, *scale, *shift;  // of each channel: y = (x − center)·scale + shift

  ForwardWork(const ChannelView& view, void* workspace) {
    Pieces pieces(workspace);
    Index channels = channelLanes(view), rows = view.batch * channels;
    means = pieces.take<double>(rows), squares = pieces.take<double>(rows);
    center = pieces.take<float>(channels), scale = pieces.take<float>(channels), shift = pieces.take<float>(channels);
  }
};

struct BackwardWork {
  static constexpr Index numbersOfChannel = 6;
  double *sums, *products;        // of each row: Σ g and Σ g·(x − center)
  float *center, *scale, *shift;  // of each channel, as forward has them
  float *meanG, *ofG, *ofX;       // of each channel: dx = (g − meanG)·ofG + (x − center)·ofX

  BackwardWork(const ChannelView& view, void* workspace) {
    Pieces pieces(workspace);
    Index channels = channelLanes(view), rows = view.batch * channels;
    sums = pieces.take<double>(rows), products = pieces.take<double>(rows);
    center = pieces.take<float>(channels), scale = pieces.take<float>(channels), shift = pieces.take<float>(channels);
    meanG = pieces.take<float>(channels), ofG = pieces.take<float>(channels), ofX = pieces.take<float>(channels);
  }
};

// The mean of each row and its squares around it: two sweeps over a row that the second finds in the cache. It also
// finds what rounding left of the mean in the first, so that the mean of a constant is that constant.
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
        sumDistances<w>(view.positions, view.lanes, rest, square,
                        [=, &center](Index i, int l) { return source[i + lane] - center[l]; });
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
Moments joinRows(const ChannelView& view, const ForwardWork& work, Index channel) {
  Index stride = channelLanes(view);
  auto rows = static_cast<double>(view.batch), positions = static_cast<double>(view.positions);
  double mean = 0, squares = 0;
  for (Index n = 0; n < view.batch; n++) mean += work.means[n * stride + channel];
  mean /= rows;
  for (Index n = 0; n < view.batch; n++) {
    double distance = work.means[n * stride + channel] - mean;
    squares += work.squares[n * stride + channel] + positions * distance * distance;
  }
  return {mean, std::max(squares, 0.0) / (rows * positions)};
}

bool isSupported(const TensorDesc& x) { return x.dtype == DType::float32 && x.elements() > 0; }

double momentumOf(const BatchNorm& op) { return op.momentum; }
double momentumOf(const BatchNormActivation& op) { return op.momentum; }

double elementsOfChannel(const ChannelView& view) {
  return static_cast<double>(view.batch) * static_cast<double>(view.positions);
}

// The tensors of one number a channel; those that are not there are null.
struct ForwardChannels {
  const float *weight, *bias;
  float *runningMean, *runningVar, *mean, *invStd;
};

// What each channel is normalised with, out of the rows in training, else out of the running statistics; the former go
// into the latter.
void findChannels(const ChannelView& view, const ForwardChannels& t, const ForwardWork& work, bool training,
                  double momentum, double eps) {
  const double count = elementsOfChannel(view);
  for (Index c = 0; c < channelLanes(view); c++) {
    if (c >= view.channels) {
      work.scale[c] = work.shift[c] = work.center[c] = 0;
      continue;
    }
    Moments used = training ? joinRows(view, work, c)
                            : Moments{static_cast<double>(t.runningMean[c]), static_cast<double>(t.runningVar[c])};
    if (training && t.runningMean) {
      double unbiased = used.variance * count / (count - 1);
      t.runningMean[c] =
          static_cast<float>((1 - momentum) * static_cast<double>(t.runningMean[c]) + momentum * used.mean);
      t.runningVar[c] = static_cast<float>((1 - momentum) * static_cast<double>(t.runningVar[c]) + momentum * unbiased);
    }
    auto invStd = static_cast<float>(1 / std::sqrt(used.variance + eps));
    t.mean[c] = static_cast<float>(used.mean);
    t.invStd[c] = invStd;
    work.scale[c] = t.weight ? t.weight[c] * invStd : invStd;  // as backward computes it again
    work.shift[c] = t.bias ? t.bias[c] : 0;
    work.center[c] = static_cast<float>(used.mean);
  }
}

void scaleRows(const ChannelView& view, const float* x, const ForwardWork& work, const float* residual,
               Activation activation, float* y) {
  Index rowElements = view.positions * view.lanes;
  withActivation(activation, [&](auto kind) {
    parallelRows(view.batch * view.blocks, rowElements, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        Index c = row % view.blocks * view.lanes, at = row * rowElements;
        scaleRow<kind()>(view, x + at, work.center + c, work.scale + c, work.shift + c,
                         residual ? residual + at : nullptr, y + at);
      }
    });
  });
}

// Inputs: x weight? bias? runningMean? runningVar? residual?
template <class AnyNorm>
KernelPtr prepareForward(const AnyNorm& op, const Signature& signature, Engine& engine, Activation activation) {
  TensorDesc x = signature.inputs[0];
  if (!isSupported(x)) return nullptr;
  if (!engine.view(x)) x.layout = {};
  ChannelView view = *engine.view(x);
  bool hasResidual = signature.inputs.size() > 5 && signature.inputs[5].defined;
  auto run = [view, hasResidual, activation, training = op.training, eps = op.eps](const Run& run) {
    const ForwardChannels channels{run.in<float>(1),    run.in<float>(2),  run.inOut<float>(3),
                                   run.inOut<float>(4), run.out<float>(1), run.out<float>(2)};
    const ForwardWork work(view, run.workspace);
    if (training) rowMoments(view, run.in<float>(0), work.means, work.squares);
    findChannels(view, channels, work, training, momentumOf(std::get<AnyNorm>(run.op)), eps);
    scaleRows(view, run.in<float>(0), work, hasResidual ? run.in<float>(5) : nullptr, activation, run.out<float>(0));
  };
  auto kernel = makeKernel(signature, std::move(run), workBytes(view, ForwardWork::numbersOfChannel));
  kernel->inputLayouts = {x.layout, Layout{}, Layout{}, Layout{}, Layout{}};
  kernel->inPlace = {0};
  if (signature.inputs.size() > 5) {
    kernel->inputLayouts.push_back(hasResidual ? x.layout : Layout{});
    kernel->inPlace.push_back(5);
  }
  kernel->outputs[0].layout = x.layout;
  return kernel;
}

// Σ g and Σ g·(x − center) over the positions of one row; g goes to `residual` as well, if there is one. Σ g is made in
// double, in which that of a constant is exact: a constant less its mean must be nothing, since where a channel is
// constant too it is multiplied by 1/√eps.
template <int w, Activation activation>
void sumBackward(const ChannelView& view, const float* dy, const float* x, const float* y, float* residual,
                 const float* center, const float* scale, const float* shift, double* sums, double* products) {
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

// dx = (g − meanG)·ofG + (x − center)·ofX over the positions of one row.
template <int w, Activation activation>
void writeBackward(const ChannelView& view, const float* dy, const float* x, const float* y, const float* ofG,
                   const float* ofX, const float* meanG, const float* center, const float* scale, const float* shift,
                   float* dx) {
  auto write = [&](auto gradient) {
    if constexpr (w == 1) {
#pragma omp simd
      for (Index p = 0; p < view.positions; p++) {
        Index i = p * view.lanes;
        dx[i] = (gradient(i, 0) - meanG[0]) * ofG[0] + (x[i] - center[0]) * ofX[0];
      }
    } else {
      for (Index i = 0; i < view.positions * view.lanes; i += view.lanes) {
#pragma omp simd
        for (int l = 0; l < w; l++)
          dx[i + l] = (gradient(i + l, l) - meanG[l]) * ofG[l] + (x[i + l] - center[l]) * ofX[l];
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

// Those that are not there are null.
struct BackwardTensors {
  const float *dy, *x, *weight, *bias, *mean, *invStd, *y;
  float *dx, *dw, *db, *dResidual;
};

void findForwardChannels(const ChannelView& view, const BackwardTensors& t, const BackwardWork& work) {
  for (Index c = 0; c < channelLanes(view); c++) {
    bool isThere = c < view.channels;
    work.center[c] = isThere ? t.mean[c] : 0;
    work.scale[c] = isThere ? (t.weight ? t.weight[c] * t.invStd[c] : t.invStd[c]) : 0;
    work.shift[c] = isThere && t.bias ? t.bias[c] : 0;
  }
}

// Calls f(kind, width, row, the element at which its lanes begin, their channel) for each row and as many lanes of it
// as a vector has; `kind` is the activation and `width` the number of lanes, known to the compiler.
template <class F>
void forEachRow(const ChannelView& view, Activation activation, Index work, F f) {
  const Index rowElements = view.positions * view.lanes;
  withActivation(activation, [&](auto kind) {
    parallelRows(view.batch * view.blocks, work * rowElements, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        forLanes(view.lanes, [&](auto width, Index lane) {
          f(kind, width, row, row * rowElements + lane, row % view.blocks * view.lanes + lane);
        });
      }
    });
  });
}

// Numbers of some channels, side by side on the stack: vector code then need not fear that what it writes changes them.
template <int w>
struct Lanes {
  float at[w];
  explicit Lanes(const float* from) { std::copy_n(from, w, at); }
};

void sumRows(const ChannelView& view, const BackwardTensors& t, const BackwardWork& work, Activation activation) {
  forEachRow(view, activation, 2, [&](auto kind, auto width, Index row, Index at, Index c) {
    constexpr int w = width();
    const Lanes<w> center(work.center + c), scale(work.scale + c), shift(work.shift + c);
    const Index to = row * view.lanes + c % view.lanes;
    sumBackward<w, kind()>(view, t.dy + at, t.x + at, t.y ? t.y + at : nullptr,
                           t.dResidual ? t.dResidual + at : nullptr, center.at, scale.at, shift.at, work.sums + to,
                           work.products + to);
  });
}

// dw and db, and what dx is made with.
void joinBackward(const ChannelView& view, const BackwardTensors& t, const BackwardWork& work, bool training) {
  const double count = elementsOfChannel(view);
  const Index stride = channelLanes(view);
  for (Index c = 0; c < stride; c++) {
    if (c >= view.channels) {
      work.ofG[c] = work.ofX[c] = work.meanG[c] = 0;
      continue;
    }
    double sum = 0, product = 0, invStd = static_cast<double>(t.invStd[c]),
           weight = t.weight ? static_cast<double>(t.weight[c]) : 1;
    for (Index n = 0; n < view.batch; n++) {
      sum += work.sums[n * stride + c];
      product += work.products[n * stride + c];
    }
    t.db[c] = static_cast<float>(sum);
    t.dw[c] = static_cast<float>(product * invStd);
    double slope = training ? product / count * invStd * invStd : 0;
    work.ofG[c] = static_cast<float>(weight * invStd);
    work.ofX[c] = static_cast<float>(-weight * invStd * slope);
    work.meanG[c] = training ? static_cast<float>(sum / count) : 0;
  }
}

void writeRows(const ChannelView& view, const BackwardTensors& t, const BackwardWork& work, Activation activation) {
  // With dResidual there, the masked gradient need not be found again.
  const float* source = t.dResidual ? t.dResidual : t.dy;
  forEachRow(view, t.dResidual ? Activation::identity : activation, 1,
             [&](auto kind, auto width, Index, Index at, Index c) {
               constexpr int w = width();
               const Lanes<w> ofG(work.ofG + c), ofX(work.ofX + c), meanG(work.meanG + c), center(work.center + c),
                   scale(work.scale + c), shift(work.shift + c);
               writeBackward<w, kind()>(view, source + at, t.x + at, t.y ? t.y + at : nullptr, ofG.at, ofX.at, meanG.at,
                                        center.at, scale.at, shift.at, t.dx + at);
             });
}

// What backward reads: where each tensor is among the inputs.
struct BackwardInputs {
  int weight, bias, mean, invStd, y;  // −1: there is none
};

// dx = w·invStd·(g − mean(g) − (x − mean)·invStd²·mean(g·(x − mean))), in evaluation without the means; g is dy where
// the activation let it through. Two sweeps: sums, then dx.
KernelPtr prepareBackward(const Signature& signature, Engine& engine, const BackwardInputs& inputs, bool training,
                          Activation activation, bool hasResidual) {
  TensorDesc x = signature.inputs[1];
  if (!isSupported(x)) return nullptr;
  if (!engine.view(x)) x.layout = {};
  ChannelView view = *engine.view(x);
  bool readsY = inputs.y >= 0 && signature.inputs[static_cast<std::size_t>(inputs.y)].defined;
  auto run = [=](const Run& run) {
    const BackwardTensors t{.dy = run.in<float>(0),
                            .x = run.in<float>(1),
                            .weight = run.in<float>(inputs.weight),
                            .bias = inputs.bias >= 0 ? run.in<float>(inputs.bias) : nullptr,
                            .mean = run.in<float>(inputs.mean),
                            .invStd = run.in<float>(inputs.invStd),
                            .y = readsY ? run.in<float>(inputs.y) : nullptr,
                            .dx = run.out<float>(0),
                            .dw = run.out<float>(1),
                            .db = run.out<float>(2),
                            .dResidual = hasResidual ? run.out<float>(3) : nullptr};
    const BackwardWork work(view, run.workspace);
    findForwardChannels(view, t, work);
    sumRows(view, t, work, activation);
    joinBackward(view, t, work, training);
    writeRows(view, t, work, activation);
  };
  auto kernel = makeKernel(signature, std::move(run), workBytes(view, BackwardWork::numbersOfChannel));
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
  return prepareBackward(signature, engine, {.weight = 2, .bias = -1, .mean = 3, .invStd = 4, .y = -1}, op.training,
                         Activation::identity, false);
}

KernelPtr prepare(const BatchNormActivationBackward& op, const Signature& signature, Engine& engine) {
  return prepareBackward(signature, engine, {.weight = 2, .bias = 3, .mean = 4, .invStd = 5, .y = 6}, op.training,
                         op.activation, op.residual);
}

}  // namespace cnn::cpu

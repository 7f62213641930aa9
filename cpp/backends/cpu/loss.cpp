// Softmax and losses on plain tensors.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "vector_math.hpp"

namespace cnn::cpu {

namespace {

// A tensor seen as [outer, size, inner] around one axis.
struct Split {
  Index outer, size, inner;
  Split(const Dims& shape, Index axis)
      : outer(shape.slice(0, static_cast<int>(axis)).product()),
        size(shape[static_cast<int>(axis)]),
        inner(shape.slice(static_cast<int>(axis) + 1).product()) {}
};

// Columns that are handled side by side where the axis is not the last one.
constexpr Index width = 16;

// Calls f(offset of the first element, columns, distance between elements) for pieces of [outer][inner].
template <class F>
void forColumns(const Split& split, F&& f) {
  if (split.inner == 1) {
    parallelRows(split.outer, 12 * split.size, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) f(row * split.size, Index{1});
    });
    return;
  }
  Index pieces = (split.inner + width - 1) / width;
  parallelRows(split.outer * pieces, 12 * split.size * width, [&](Index from, Index to) {
    for (Index i = from; i < to; i++) {
      Index column = i % pieces * width;
      f(i / pieces * split.size * split.inner + column, std::min(width, split.inner - column));
    }
  });
}

void softmaxRow(const float* x, float* y, Index size, bool log) {
  float greatest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : greatest)
  for (Index i = 0; i < size; i++) greatest = x[i] > greatest ? x[i] : greatest;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index i = 0; i < size; i++) {
    float e = fastExp(x[i] - greatest);
    y[i] = e;
    sum += e;
  }
  if (log) {
    float logSum = fastLog(sum);
#pragma omp simd
    for (Index i = 0; i < size; i++) y[i] = x[i] - greatest - logSum;
  } else {
    float scale = 1 / sum;
#pragma omp simd
    for (Index i = 0; i < size; i++) y[i] *= scale;
  }
}

// The greatest x, and log Σ exp(x − greatest).
struct LogSum {
  float greatest, rest;
};
LogSum logSumOf(const float* x, Index size) {
  float greatest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : greatest)
  for (Index i = 0; i < size; i++) greatest = x[i] > greatest ? x[i] : greatest;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index i = 0; i < size; i++) sum += fastExp(x[i] - greatest);
  return {greatest, fastLog(sum)};
}

void softmaxColumns(const float* x, float* y, Index size, Index stride, Index columns, bool log) {
  float greatest[width], sum[width] = {};
  for (Index c = 0; c < columns; c++) greatest[c] = x[c];
  for (Index i = 1; i < size; i++) {
#pragma omp simd
    for (Index c = 0; c < columns; c++) greatest[c] = x[i * stride + c] > greatest[c] ? x[i * stride + c] : greatest[c];
  }
  for (Index i = 0; i < size; i++) {
#pragma omp simd
    for (Index c = 0; c < columns; c++) {
      float e = fastExp(x[i * stride + c] - greatest[c]);
      y[i * stride + c] = e;
      sum[c] += e;
    }
  }
  for (Index c = 0; c < columns; c++) sum[c] = log ? fastLog(sum[c]) : 1 / sum[c];
  for (Index i = 0; i < size; i++) {
#pragma omp simd
    for (Index c = 0; c < columns; c++) {
      y[i * stride + c] = log ? x[i * stride + c] - greatest[c] - sum[c] : y[i * stride + c] * sum[c];
    }
  }
}

// Where a target points; −1 where it is ignored.
Index classOf(const char* op, std::int32_t target, Index ignoreIndex, Index classes, Index position) {
  if (target == ignoreIndex) return -1;
  if (target < 0 || target >= classes) {
    fail(ErrorKind::value, op, ": target ", target, " at position ", position, " is out of range for ", classes,
         " classes");
  }
  return target;
}

// The logarithm, at least −100; NaN stays NaN.
CNN_INLINE float boundedLog(float logarithm) {
  constexpr float least = static_cast<float>(leastLogarithm);
  return logarithm < least ? least : logarithm;
}

// Calls use(f, g): the loss f(x, target) and its gradient g(dy, x, target).
template <class Use>
KernelPtr withPairLoss(PairLossFunction function, double given, Use use) {
  if (function == PairLossFunction::binaryCrossEntropy) {
    return use([](float x,
                  float target) { return (target - 1) * boundedLog(fastLog1p(-x)) - target * boundedLog(fastLog(x)); },
               [](float dy, float x, float target) {
                 float divisor = (1 - x) * x;
                 constexpr float least = static_cast<float>(leastDivisor);
                 return dy * (x - target) / (divisor < least ? least : divisor);
               });
  }
  const auto beta = static_cast<float>(given);
  return use(
      [beta](float x, float target) {
        float distance = std::fabs(x - target);
        return distance < beta ? distance * distance * 0.5f / beta : distance - 0.5f * beta;
      },
      [beta](float dy, float x, float target) {
        float difference = x - target;
        return difference <= -beta ? -dy : difference >= beta ? dy : dy * difference / beta;
      });
}

bool isSupported(const Signature& signature) {
  return signature.inputs[0].dtype == DType::float32 && signature.inputs[0].elements() > 0;
}

}  // namespace

KernelPtr prepare(const Softmax& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  return makeKernel(signature, [split = Split(signature.inputs[0].shape, op.axis), log = op.log](const Run& run) {
    forColumns(split, [&](Index begin, Index columns) {
      const float* x = run.in<float>(0) + begin;
      float* y = run.out<float>(0) + begin;
      if (split.inner == 1) {
        softmaxRow(x, y, split.size, log);
      } else {
        softmaxColumns(x, y, split.size, split.inner, columns, log);
      }
    });
  });
}

KernelPtr prepare(const SoftmaxBackward& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  return makeKernel(signature, [split = Split(signature.inputs[0].shape, op.axis), log = op.log](const Run& run) {
    forColumns(split, [&](Index begin, Index columns) {
      const float *dy = run.in<float>(0) + begin, *y = run.in<float>(1) + begin;
      float* dx = run.out<float>(0) + begin;
      if (split.inner == 1) {
        float sum = 0;
        if (log) {
#pragma omp simd reduction(+ : sum)
          for (Index i = 0; i < split.size; i++) sum += dy[i];
#pragma omp simd
          for (Index i = 0; i < split.size; i++) dx[i] = dy[i] - fastExp(y[i]) * sum;
        } else {
#pragma omp simd reduction(+ : sum)
          for (Index i = 0; i < split.size; i++) sum += dy[i] * y[i];
#pragma omp simd
          for (Index i = 0; i < split.size; i++) dx[i] = y[i] * (dy[i] - sum);
        }
        return;
      }
      float sum[width] = {};
      for (Index i = 0; i < split.size; i++) {
#pragma omp simd
        for (Index c = 0; c < columns; c++) sum[c] += dy[i * split.inner + c] * (log ? 1.0f : y[i * split.inner + c]);
      }
      for (Index i = 0; i < split.size; i++) {
#pragma omp simd
        for (Index c = 0; c < columns; c++) {
          float g = dy[i * split.inner + c], v = y[i * split.inner + c];
          dx[i * split.inner + c] = log ? g - fastExp(v) * sum[c] : v * (g - sum[c]);
        }
      }
    });
  });
}

KernelPtr prepare(const NllLoss& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  Split split(signature.inputs[0].shape, 1);
  return makeKernel(signature, [split, reduction = op.reduction, ignoreIndex = op.ignoreIndex](const Run& run) {
    const float *logp = run.in<float>(0), *weight = run.in<float>(2);
    const auto* target = run.in<std::int32_t>(1);
    float *loss = run.out<float>(0), *totalWeight = run.out<float>(1);
    double sum = 0, total = 0;
    for (Index n = 0, position = 0; n < split.outer; n++) {
      for (Index s = 0; s < split.inner; s++, position++) {
        Index c = classOf("nllLoss", target[position], ignoreIndex, split.size, position);
        double w = c < 0 ? 0 : weight ? static_cast<double>(weight[c]) : 1;
        double term = c < 0 ? 0 : -w * static_cast<double>(logp[(n * split.size + c) * split.inner + s]);
        sum += term;
        total += w;
        if (reduction == Reduction::none) loss[position] = static_cast<float>(term);
      }
    }
    if (reduction != Reduction::none) *loss = static_cast<float>(reduction == Reduction::mean ? sum / total : sum);
    *totalWeight = static_cast<float>(total);
  });
}

KernelPtr prepare(const NllLossBackward& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  Split split(signature.outputs[0].shape, 1);
  return makeKernel(signature, [split, reduction = op.reduction, ignoreIndex = op.ignoreIndex](const Run& run) {
    const float *dy = run.in<float>(0), *weight = run.in<float>(2);
    const auto* target = run.in<std::int32_t>(1);
    float* dlogp = run.out<float>(0);
    double divisor = reduction == Reduction::mean ? static_cast<double>(*run.in<float>(3)) : 1;
    std::fill_n(dlogp, split.outer * split.size * split.inner, 0.0f);
    for (Index n = 0, position = 0; n < split.outer; n++) {
      for (Index s = 0; s < split.inner; s++, position++) {
        Index c = classOf("nllLossBackward", target[position], ignoreIndex, split.size, position);
        if (c < 0) continue;
        double w = weight ? static_cast<double>(weight[c]) : 1,
               g = static_cast<double>(reduction == Reduction::none ? dy[position] : dy[0]);
        dlogp[(n * split.size + c) * split.inner + s] = static_cast<float>(-w * g / divisor);
      }
    }
  });
}

KernelPtr prepare(const CrossEntropy& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  Index rows = signature.inputs[0].shape[0], classes = signature.inputs[0].shape[1];
  return makeKernel(signature, [rows, classes, reduction = op.reduction, ignoreIndex = op.ignoreIndex](const Run& run) {
    const float *logits = run.in<float>(0), *weight = run.in<float>(2);
    const auto* target = run.in<std::int32_t>(1);
    float* loss = run.out<float>(0);
    auto* logSums = run.out<LogSum>(2);
    parallelRows(rows, 12 * classes, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) logSums[row] = logSumOf(logits + row * classes, classes);
    });
    double sum = 0, total = 0;
    for (Index row = 0; row < rows; row++) {
      Index c = classOf("crossEntropy", target[row], ignoreIndex, classes, row);
      double w = c < 0 ? 0 : weight ? static_cast<double>(weight[c]) : 1;
      double distance =
          c < 0 ? 0 : static_cast<double>(logSums[row].greatest) - static_cast<double>(logits[row * classes + c]);
      double term = c < 0 ? 0 : w * (distance + static_cast<double>(logSums[row].rest));
      sum += term;
      total += w;
      if (reduction == Reduction::none) loss[row] = static_cast<float>(term);
    }
    if (reduction != Reduction::none) *loss = static_cast<float>(reduction == Reduction::mean ? sum / total : sum);
    *run.out<float>(1) = static_cast<float>(total);
  });
}

KernelPtr prepare(const CrossEntropyBackward& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  Index rows = signature.inputs[1].shape[0], classes = signature.inputs[1].shape[1];
  return makeKernel(signature, [rows, classes, reduction = op.reduction, ignoreIndex = op.ignoreIndex](const Run& run) {
    const float *dy = run.in<float>(0), *logits = run.in<float>(1), *weight = run.in<float>(3);
    const auto* logSums = run.in<LogSum>(5);
    const auto* target = run.in<std::int32_t>(2);
    float divisor = reduction == Reduction::mean ? *run.in<float>(4) : 1.0f;
    parallelRows(rows, 12 * classes, [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        const float* x = logits + row * classes;
        float* dx = run.out<float>(0) + row * classes;
        std::int32_t wanted = target[row];  // within the classes: the forward pass has looked
        const bool isIgnored = wanted == ignoreIndex;
        float scale =
            isIgnored ? 0.0f : (weight ? weight[wanted] : 1.0f) * dy[reduction == Reduction::none ? row : 0] / divisor;
        const LogSum logSum = logSums[row];
#pragma omp simd
        for (Index c = 0; c < classes; c++) dx[c] = fastExp(x[c] - logSum.greatest - logSum.rest) * scale;
        if (!isIgnored) dx[wanted] -= scale;
      }
    });
  });
}

KernelPtr prepare(const PairLoss& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  return withPairLoss(op.function, op.beta, [&](auto f, auto) -> KernelPtr {
    return makeKernel(signature, [f, count = signature.outputs[0].elements()](const Run& run) {
      const float *x = run.in<float>(0), *target = run.in<float>(1);
      float* y = run.out<float>(0);
      parallelFor(count, grainElements / 8, [=](Index from, Index to) {
#pragma omp simd
        for (Index i = from; i < to; i++) y[i] = f(x[i], target[i]);
      });
    });
  });
}

KernelPtr prepare(const PairLossBackward& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  return withPairLoss(op.function, op.beta, [&](auto, auto g) -> KernelPtr {
    return makeKernel(signature, [g, count = signature.outputs[0].elements()](const Run& run) {
      const float *dy = run.in<float>(0), *x = run.in<float>(1), *target = run.in<float>(2);
      float* dx = run.out<float>(0);
      parallelFor(count, grainElements, [=](Index from, Index to) {
#pragma omp simd
        for (Index i = from; i < to; i++) dx[i] = g(dy[i], x[i], target[i]);
      });
    });
  });
}

}  // namespace cnn::cpu

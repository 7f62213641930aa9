// Softmax and losses.
#include "loops.hpp"

namespace cnn::reference {
namespace {

/// The class of a target, or −1 where it is ignored.
Index classOf(const char* op, std::int32_t target, Index ignoreIndex, Index classes, Index position) {
  if (target == ignoreIndex) return -1;
  if (target < 0 || target >= classes) {
    fail(ErrorKind::value, op, ": target ", target, " at position ", position, " is out of range for ", classes,
         " classes");
  }
  return target;
}

/// The logarithm, at least −100; NaN stays NaN.
double boundedLog(double logarithm) { return logarithm < leastLogarithm ? leastLogarithm : logarithm; }

double pairLoss(PairLossFunction function, double beta, double x, double target) {
  if (function == PairLossFunction::binaryCrossEntropy) {
    return (target - 1) * boundedLog(std::log1p(-x)) - target * boundedLog(std::log(x));
  }
  double distance = std::abs(x - target);
  return distance < beta ? distance * distance * 0.5 / beta : distance - 0.5 * beta;
}

double pairGradient(PairLossFunction function, double beta, double dy, double x, double target) {
  double difference = x - target;
  if (function == PairLossFunction::binaryCrossEntropy) {
    double divisor = (1 - x) * x;
    return dy * difference / (divisor < leastDivisor ? leastDivisor : divisor);
  }
  return difference <= -beta ? -dy : difference >= beta ? dy : dy * difference / beta;
}

}  // namespace

KernelPtr prepare(const Softmax& op, const Signature& signature) {
  Split split(signature.inputs[0].shape, op.axis);
  return dispatchFloat(signature.inputs[0].dtype, [&, log = op.log]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      for (Index outer = 0; outer < split.outer; outer++) {
        for (Index inner = 0; inner < split.inner; inner++) {
          Index begin = outer * split.size * split.inner + inner, end = begin + split.size * split.inner,
                step = split.inner;
          const T* x = run.in<T>(0);
          T* y = run.out<T>(0);
          double greatest = -std::numeric_limits<double>::infinity();
          for (Index i = begin; i < end; i += step) greatest = std::max(greatest, static_cast<double>(x[i]));
          double sum = 0;  // of e^(x − greatest): nothing overflows
          for (Index i = begin; i < end; i += step) sum += std::exp(static_cast<double>(x[i]) - greatest);
          double logSum = std::log(sum);
          for (Index i = begin; i < end; i += step) {
            double shifted = static_cast<double>(x[i]) - greatest;
            y[i] = static_cast<T>(log ? shifted - logSum : std::exp(shifted) / sum);
          }
        }
      }
    });
  });
}

KernelPtr prepare(const SoftmaxBackward& op, const Signature& signature) {
  Split split(signature.inputs[0].shape, op.axis);
  return dispatchFloat(signature.inputs[0].dtype, [&, log = op.log]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T *dy = run.in<T>(0), *y = run.in<T>(1);
      T* dx = run.out<T>(0);
      for (Index outer = 0; outer < split.outer; outer++) {
        for (Index inner = 0; inner < split.inner; inner++) {
          Index begin = outer * split.size * split.inner + inner, end = begin + split.size * split.inner,
                step = split.inner;
          double sum = 0;
          for (Index i = begin; i < end; i += step) {
            sum += static_cast<double>(dy[i]) * (log ? 1 : static_cast<double>(y[i]));
          }
          for (Index i = begin; i < end; i += step) {
            double g = static_cast<double>(dy[i]), v = static_cast<double>(y[i]);
            dx[i] = static_cast<T>(log ? g - std::exp(v) * sum : v * (g - sum));
          }
        }
      }
    });
  });
}

KernelPtr prepare(const NllLoss& op, const Signature& signature) {
  Split split(signature.inputs[0].shape, 1);  // [N, classes, …]
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=, reduction = op.reduction, ignoreIndex = op.ignoreIndex](const Run& run) {
      const T *logp = run.in<T>(0), *weight = run.in<T>(2);
      const std::int32_t* target = run.in<std::int32_t>(1);
      T *loss = run.out<T>(0), *totalWeight = run.out<T>(1);
      double sum = 0, total = 0;
      for (Index n = 0, position = 0; n < split.outer; n++) {
        for (Index s = 0; s < split.inner; s++, position++) {
          Index c = classOf("nllLoss", target[position], ignoreIndex, split.size, position);
          double w = c < 0 ? 0 : weight ? static_cast<double>(weight[c]) : 1;
          double term = c < 0 ? 0 : -w * static_cast<double>(logp[(n * split.size + c) * split.inner + s]);
          sum += term;
          total += w;
          if (reduction == Reduction::none) loss[position] = static_cast<T>(term);
        }
      }
      if (reduction == Reduction::sum) *loss = static_cast<T>(sum);
      if (reduction == Reduction::mean) *loss = static_cast<T>(sum / total);  // of nothing: NaN
      *totalWeight = static_cast<T>(total);
    });
  });
}

KernelPtr prepare(const NllLossBackward& op, const Signature& signature) {
  Split split(signature.outputs[0].shape, 1);  // [N, classes, …]
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=, reduction = op.reduction, ignoreIndex = op.ignoreIndex](const Run& run) {
      const T *dy = run.in<T>(0), *weight = run.in<T>(2), *totalWeight = run.in<T>(3);
      const std::int32_t* target = run.in<std::int32_t>(1);
      T* dlogp = run.out<T>(0);
      std::fill_n(dlogp, split.outer * split.size * split.inner, T(0));
      double divisor = reduction == Reduction::mean ? static_cast<double>(*totalWeight) : 1;
      for (Index n = 0, position = 0; n < split.outer; n++) {
        for (Index s = 0; s < split.inner; s++, position++) {
          Index c = classOf("nllLossBackward", target[position], ignoreIndex, split.size, position);
          if (c < 0) continue;
          double w = weight ? static_cast<double>(weight[c]) : 1;
          double g = static_cast<double>(reduction == Reduction::none ? dy[position] : dy[0]);
          dlogp[(n * split.size + c) * split.inner + s] = static_cast<T>(-w * g / divisor);
        }
      }
    });
  });
}

KernelPtr prepare(const PairLoss& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T *x = run.in<T>(0), *target = run.in<T>(1);
      T* y = run.out<T>(0);
      for (Index i = 0; i < count; i++) {
        y[i] =
            static_cast<T>(pairLoss(op.function, op.beta, static_cast<double>(x[i]), static_cast<double>(target[i])));
      }
    });
  });
}

KernelPtr prepare(const PairLossBackward& op, const Signature& signature) {
  Index count = signature.outputs[0].elements();
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T *dy = run.in<T>(0), *x = run.in<T>(1), *target = run.in<T>(2);
      T* dx = run.out<T>(0);
      for (Index i = 0; i < count; i++) {
        dx[i] = static_cast<T>(pairGradient(op.function, op.beta, static_cast<double>(dy[i]), static_cast<double>(x[i]),
                                            static_cast<double>(target[i])));
      }
    });
  });
}

}  // namespace cnn::reference

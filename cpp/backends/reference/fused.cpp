// Fused ops by definition: their parts one after another, in a workspace.
#include <algorithm>
#include <cmath>

#include "loops.hpp"

namespace cnn::reference {

namespace {

template <class T>
T activate(Activation activation, T value) {
  if (activation == Activation::identity) return value;
  if (value <= 0) return 0;
  return activation == Activation::relu6 && value >= 6 ? T{6} : value;  // NaN stays
}

// y ← activation(y + residual)
template <class T>
void finish(Activation activation, const T* residual, T* y, Index count) {
  for (Index i = 0; i < count; i++) y[i] = activate(activation, residual ? static_cast<T>(y[i] + residual[i]) : y[i]);
}

// y may lie where the residual lies, and the part writes y before the residual is added: so that is kept ahead of the
// part's workspace.
std::size_t keptBytes(const TensorDesc& residual) {
  return residual.defined ? (residual.plainBytes() + 63) / 64 * 64 : 0;
}
template <class T>
const T* keep(const Run& run, int residual, Index count) {
  if (!run.in<T>(residual)) return nullptr;
  copyElements(static_cast<T*>(run.workspace), run.in<T>(residual), count);
  return static_cast<const T*>(run.workspace);
}
void* behind(const Run& run, std::size_t bytes) { return static_cast<std::byte*>(run.workspace) + bytes; }

}  // namespace

KernelPtr prepare(const ConvActivation& op, const Signature& signature) {
  Conv conv = op.conv();
  KernelPtr part = prepare(conv, {signature.inputs.first(3), signature.outputs});
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    std::size_t kept = keptBytes(signature.inputs[3]);
    return inPlaceOf({3}, makeKernel(
                              signature,
                              [part, conv = Op(conv), activation = op.activation,
                               count = signature.outputs[0].elements(), kept](const Run& run) {
                                const T* residual = keep<T>(run, 3, count);
                                part->run({conv, run.inputs.first(3), run.outputs, behind(run, kept)});
                                finish(activation, residual, run.out<T>(0), count);
                              },
                              kept + part->workspaceBytes));
  });
}

KernelPtr prepare(const LinearActivation& op, const Signature& signature) {
  KernelPtr part = prepare(Linear{}, signature);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [part, activation = op.activation, count = signature.outputs[0].elements()](const Run& run) {
          part->run({Linear{}, run.inputs, run.outputs, run.workspace});
          finish<T>(activation, nullptr, run.out<T>(0), count);
        },
        part->workspaceBytes);
  });
}

KernelPtr prepare(const BatchNormActivation& op, const Signature& signature) {
  KernelPtr part = prepare(op.norm(), {signature.inputs.first(5), signature.outputs});
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    std::size_t kept = keptBytes(signature.inputs[5]);
    return inPlaceOf(
        {0, 5}, makeKernel(
                    signature,
                    [part, activation = op.activation, count = signature.outputs[0].elements(), kept](const Run& run) {
                      Op norm = std::get<BatchNormActivation>(run.op).norm();
                      const T* residual = keep<T>(run, 5, count);
                      part->run({norm, run.inputs.first(5), run.outputs.first(3), behind(run, kept)});
                      finish(activation, residual, run.out<T>(0), count);
                    },
                    kept + part->workspaceBytes));
  });
}

KernelPtr prepare(const BatchNormActivationBackward& op, const Signature& signature) {
  std::array<TensorDesc, 5> inputs = {signature.inputs[0], signature.inputs[1], signature.inputs[2],
                                      signature.inputs[4], signature.inputs[5]};
  BatchNormBackward backward{.training = op.training, .eps = op.eps};
  Descs outputs(signature.outputs.begin(), signature.outputs.begin() + 3);
  KernelPtr part = prepare(backward, {inputs, outputs});
  const Dims& shape = signature.inputs[1].shape;
  Index channels = shape[1], spatial = shape.slice(2).product(), count = shape.product();
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    std::size_t masked = static_cast<std::size_t>(count) * sizeof(T);  // dy where the activation let it through
    auto run = [=, backward = Op(backward), activation = op.activation, residual = op.residual](const Run& run) {
      const T *dy = run.in<T>(0), *x = run.in<T>(1), *weight = run.in<T>(2), *bias = run.in<T>(3), *mean = run.in<T>(4),
              *invStd = run.in<T>(5), *y = run.in<T>(6);
      T* g = static_cast<T*>(run.workspace);
      for (Index i = 0; i < count; i++) {
        Index c = i / spatial % channels;
        double before = y ? static_cast<double>(y[i])
                          : (static_cast<double>(x[i]) - static_cast<double>(mean[c])) *
                                    static_cast<double>(invStd[c]) * (weight ? static_cast<double>(weight[c]) : 1) +
                                (bias ? static_cast<double>(bias[c]) : 0);
        bool isClamped = activation == Activation::relu6 ? !(before > 0 && before < 6)
                                                         : activation == Activation::relu && before <= 0;
        g[i] = isClamped ? T{0} : dy[i];
      }
      if (residual) copyElements(run.out<T>(3), g, count);
      void* parts[] = {g, run.inputs[1], run.inputs[2], run.inputs[4], run.inputs[5]};
      part->run(
          {backward, parts, run.outputs.first(3), static_cast<std::byte*>(run.workspace) + (masked + 63) / 64 * 64});
    };
    return inPlaceOf({0}, makeKernel(signature, run, (masked + 63) / 64 * 64 + part->workspaceBytes));
  });
}

KernelPtr prepare(const CrossEntropy& op, const Signature& signature) {
  const TensorDesc& logits = signature.inputs[0];
  Softmax softmax{.axis = 1, .log = true};
  Descs logpDescs = {logits}, lossDescs(signature.outputs.begin(), signature.outputs.begin() + 2);
  KernelPtr first = prepare(softmax, {signature.inputs.first(1), logpDescs}),
            second = prepare(op.loss(), {signature.inputs, lossDescs});
  Index rows = logits.shape[0], classes = logits.shape[1];
  return dispatchFloat(logits.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return makeKernel(
        signature,
        [=, softmax = Op(softmax), loss = Op(op.loss())](const Run& run) {
          void* logp = run.workspace;
          first->run({softmax, run.inputs.first(1), std::span(&logp, 1)});
          void* inputs[] = {logp, run.inputs[1], run.inputs[2]};
          second->run({loss, inputs, run.outputs.first(2)});
          for (Index row = 0; row < rows; row++) {
            const T* x = run.in<T>(0) + row * classes;
            double greatest = -std::numeric_limits<double>::infinity(), sum = 0;
            for (Index c = 0; c < classes; c++) greatest = std::max(greatest, static_cast<double>(x[c]));
            for (Index c = 0; c < classes; c++) sum += std::exp(static_cast<double>(x[c]) - greatest);
            run.out<Sum>(2)[2 * row] = static_cast<Sum>(greatest);
            run.out<Sum>(2)[2 * row + 1] = static_cast<Sum>(std::log(sum));
          }
        },
        logits.plainBytes());
  });
}

KernelPtr prepare(const CrossEntropyBackward& op, const Signature& signature) {
  const TensorDesc& logits = signature.inputs[1];
  Index rows = logits.shape[0], classes = logits.shape[1];
  return dispatchFloat(logits.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return makeKernel(signature, [=, reduction = op.reduction, ignoreIndex = op.ignoreIndex](const Run& run) {
      const T *dy = run.in<T>(0), *x = run.in<T>(1), *weight = run.in<T>(3);
      const auto* target = run.in<std::int32_t>(2);
      const Sum* logSums = run.in<Sum>(5);
      T* dx = run.out<T>(0);
      double divisor = reduction == Reduction::mean ? static_cast<double>(*run.in<T>(4)) : 1;
      for (Index row = 0; row < rows; row++) {
        double greatest = static_cast<double>(logSums[2 * row]), logSum = static_cast<double>(logSums[2 * row + 1]);
        std::int32_t wanted = target[row];  // looked at by the forward pass
        bool isIgnored = wanted == ignoreIndex;
        double scale = isIgnored ? 0
                                 : (weight ? static_cast<double>(weight[wanted]) : 1) *
                                       static_cast<double>(dy[reduction == Reduction::none ? row : 0]) / divisor;
        for (Index c = 0; c < classes; c++) {  // NaN stays, in ignored rows too
          double p = std::exp(static_cast<double>(x[row * classes + c]) - greatest - logSum);
          dx[row * classes + c] = static_cast<T>((p - (!isIgnored && c == wanted ? 1 : 0)) * scale);
        }
      }
    });
  });
}

}  // namespace cnn::reference

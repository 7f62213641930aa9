// Optimizer steps and gradient clipping over many float32 tensors in one call, each in whatever dense layout its
// parameter has.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

// Lists of `count` tensors one after the other; tensor i of every list has the same size. All their elements are one
// range, cut among the threads wherever that falls.
struct Lists {
  int count = 0, lists = 0;
  std::vector<Index> starts;  // of tensor i in the range; [count]: the end
  std::vector<Layout> layouts;

  static std::optional<Lists> make(const Signature& signature, Index length, const Engine& engine) {
    Lists result;
    result.count = static_cast<int>(length);
    result.lists = length ? static_cast<int>(signature.inputs.size()) / result.count : 0;
    result.starts.push_back(0);
    for (const TensorDesc& desc : signature.inputs) {
      if (desc.dtype != DType::float32) return std::nullopt;
    }
    for (int i = 0; i < result.count; i++)
      result.starts.push_back(result.starts.back() + signature.inputs[static_cast<std::size_t>(i)].elements());
    for (int i = 0; i < result.count; i++) {
      const TensorDesc& param = signature.inputs[static_cast<std::size_t>(i)];
      result.layouts.push_back(engine.isPadded(param) ? Layout{} : param.layout);
    }
    return result;
  }

  // All tensors of a place in the lists lie as its parameter does.
  KernelPtr withLayouts(std::shared_ptr<Kernel> kernel) const {
    for (int list = 0; list < lists; list++)
      kernel->inputLayouts.insert(kernel->inputLayouts.end(), layouts.begin(), layouts.end());
    return kernel;
  }

  // Calls f(tensor, from, to) for all elements; `weight` is the work of one.
  template <class F>
  void forEach(Index weight, F&& f) const {
    parallelFor(starts.back(), grainElements / weight, [&](Index from, Index to) {
      auto tensor = static_cast<int>(std::upper_bound(starts.begin(), starts.end(), from) - starts.begin()) - 1;
      for (Index at = from; at < to; tensor++) {
        auto i = static_cast<std::size_t>(tensor);
        Index end = std::min(to, starts[i + 1]);
        if (end > at) f(tensor, at - starts[i], end - starts[i]);
        at = std::max(at, end);
      }
    });
  }

  float* tensor(const Run& run, int list, int i) const {
    return list < lists ? run.inOut<float>(list * count + i) : nullptr;
  }
};

}  // namespace

KernelPtr prepare(const Sgd& op, const Signature& signature, Engine& engine) {
  auto lists = Lists::make(signature, op.count, engine);
  if (!lists) return nullptr;
  return lists->withLayouts(makeKernel(signature, [lists = *lists](const Run& run) {
    const Sgd& sgd = std::get<Sgd>(run.op);
    auto rate = static_cast<float>(sgd.learningRate), decay = static_cast<float>(sgd.weightDecay),
         momentum = static_cast<float>(sgd.momentum);
    auto taken = static_cast<float>(1 - sgd.dampening);
    bool isFirst = sgd.step == 1, nesterov = sgd.nesterov;
    lists.forEach(2, [&](int tensor, Index from, Index to) {
      float *p = lists.tensor(run, 0, tensor), *buffer = lists.tensor(run, 2, tensor);
      const float* grad = lists.tensor(run, 1, tensor);
      if (!buffer) {
#pragma omp simd
        for (Index i = from; i < to; i++) p[i] -= rate * (grad[i] + decay * p[i]);
        return;
      }
      float kept = isFirst ? 0.0f : momentum, added = isFirst ? 1.0f : taken;
      if (isFirst) std::fill(buffer + from, buffer + to, 0.0f);  // it may hold anything
#pragma omp simd
      for (Index i = from; i < to; i++) {
        float g = grad[i] + decay * p[i];
        float b = kept * buffer[i] + added * g;
        buffer[i] = b;
        p[i] -= rate * (nesterov ? g + momentum * b : b);
      }
    });
  }));
}

KernelPtr prepare(const Adam& op, const Signature& signature, Engine& engine) {
  auto lists = Lists::make(signature, op.count, engine);
  if (!lists) return nullptr;
  return lists->withLayouts(makeKernel(signature, [lists = *lists](const Run& run) {
    const Adam& adam = std::get<Adam>(run.op);
    double step = static_cast<double>(adam.step);
    auto beta1 = static_cast<float>(adam.beta1), beta2 = static_cast<float>(adam.beta2);
    auto rest1 = static_cast<float>(1 - adam.beta1), rest2 = static_cast<float>(1 - adam.beta2);
    auto rate = static_cast<float>(adam.learningRate / (1 - std::pow(adam.beta1, step)));
    auto scale = static_cast<float>(1 / std::sqrt(1 - std::pow(adam.beta2, step))), eps = static_cast<float>(adam.eps);
    float keep = adam.decoupled ? static_cast<float>(1 - adam.learningRate * adam.weightDecay) : 1.0f;
    float decay = adam.decoupled ? 0.0f : static_cast<float>(adam.weightDecay);
    lists.forEach(6, [&](int tensor, Index from, Index to) {
      float *p = lists.tensor(run, 0, tensor), *average = lists.tensor(run, 2, tensor),
            *square = lists.tensor(run, 3, tensor);
      const float* grad = lists.tensor(run, 1, tensor);
      float* maxSquare = lists.tensor(run, 4, tensor);
      if (maxSquare) {
#pragma omp simd
        for (Index i = from; i < to; i++) {
          float g = grad[i] + decay * p[i];
          float m = beta1 * average[i] + rest1 * g, v = beta2 * square[i] + rest2 * g * g;
          float most = maxSquare[i] < v ? v : maxSquare[i];
          average[i] = m, square[i] = v, maxSquare[i] = most;
          p[i] = p[i] * keep - rate * m / (std::sqrt(most) * scale + eps);
        }
        return;
      }
#pragma omp simd
      for (Index i = from; i < to; i++) {
        float g = grad[i] + decay * p[i];
        float m = beta1 * average[i] + rest1 * g, v = beta2 * square[i] + rest2 * g * g;
        average[i] = m, square[i] = v;
        p[i] = p[i] * keep - rate * m / (std::sqrt(v) * scale + eps);
      }
    });
  }));
}

KernelPtr prepare(const RmsProp& op, const Signature& signature, Engine& engine) {
  auto lists = Lists::make(signature, op.count, engine);
  if (!lists) return nullptr;
  bool hasBuffers = lists->lists == (op.centered ? 5 : 4);
  return lists->withLayouts(makeKernel(signature, [lists = *lists, hasBuffers, centered = op.centered](const Run& run) {
    const RmsProp& rms = std::get<RmsProp>(run.op);
    auto rate = static_cast<float>(rms.learningRate), alpha = static_cast<float>(rms.alpha),
         rest = static_cast<float>(1 - rms.alpha);
    auto eps = static_cast<float>(rms.eps), decay = static_cast<float>(rms.weightDecay),
         momentum = static_cast<float>(rms.momentum);
    lists.forEach(6, [&](int tensor, Index from, Index to) {
      float *p = lists.tensor(run, 0, tensor), *square = lists.tensor(run, 2, tensor);
      const float* grad = lists.tensor(run, 1, tensor);
      float* buffer = hasBuffers ? lists.tensor(run, 3, tensor) : nullptr;
      float* average = centered ? lists.tensor(run, hasBuffers ? 4 : 3, tensor) : nullptr;
#pragma omp simd
      for (Index i = from; i < to; i++) {
        float g = grad[i] + decay * p[i];
        float v = alpha * square[i] + rest * g * g;
        square[i] = v;
        if (average) {
          float m = alpha * average[i] + rest * g;
          average[i] = m;
          v -= m * m;
        }
        float step = g / (std::sqrt(v) + eps);
        if (buffer) {
          step += momentum * buffer[i];
          buffer[i] = step;
        }
        p[i] -= rate * step;
      }
    });
  }));
}

KernelPtr prepare(const ClipGradNorm&, const Signature& signature, Engine& engine) {
  auto lists = Lists::make(signature, static_cast<Index>(signature.inputs.size()), engine);
  if (!lists || signature.outputs[0].dtype != DType::float32) return nullptr;
  return lists->withLayouts(makeKernel(signature, [lists = *lists](const Run& run) {
    const ClipGradNorm& clip = std::get<ClipGradNorm>(run.op);
    if (!(clip.normType > 0)) {
      fail(ErrorKind::value, "clipGradNorm: normType is ", clip.normType, ", expected a positive number or Infinity");
    }
    bool isMax = std::isinf(clip.normType);
    double norm = 0;
    for (int tensor = 0; tensor < lists.count; tensor++) {
      const float* grad = lists.tensor(run, 0, tensor);
      auto at = static_cast<std::size_t>(tensor);
      Index count = lists.starts[at + 1] - lists.starts[at];
      if (clip.normType == 2) {
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Index i = 0; i < count; i++) sum += static_cast<double>(grad[i]) * static_cast<double>(grad[i]);
        norm += sum;
        continue;
      }
      for (Index i = 0; i < count; i++) {
        double magnitude = std::fabs(static_cast<double>(grad[i]));
        if (!isMax) {
          norm += std::pow(magnitude, clip.normType);
        } else if (magnitude > norm || std::isnan(magnitude)) {  // a NaN once held stays
          norm = magnitude;
        }
      }
    }
    if (!isMax) norm = clip.normType == 2 ? std::sqrt(norm) : std::pow(norm, 1 / clip.normType);
    *run.out<float>(0) = static_cast<float>(norm);
    auto factor = static_cast<float>(clip.maxNorm / (norm + 1e-6));
    if (factor >= 1) return;  // a NaN goes on into the gradients
    lists.forEach(1, [&](int tensor, Index from, Index to) {
      float* grad = lists.tensor(run, 0, tensor);
#pragma omp simd
      for (Index i = from; i < to; i++) grad[i] *= factor;
    });
  }));
}

KernelPtr prepare(const ClipGradValue&, const Signature& signature, Engine& engine) {
  auto lists = Lists::make(signature, static_cast<Index>(signature.inputs.size()), engine);
  if (!lists) return nullptr;
  return lists->withLayouts(makeKernel(signature, [lists = *lists](const Run& run) {
    auto limit = static_cast<float>(std::get<ClipGradValue>(run.op).clipValue);
    lists.forEach(1, [&](int tensor, Index from, Index to) {
      float* grad = lists.tensor(run, 0, tensor);
#pragma omp simd
      for (Index i = from; i < to; i++) {
        float low = grad[i] < -limit ? -limit : grad[i];
        grad[i] = low > limit ? limit : low;
      }
    });
  }));
}

KernelPtr prepare(const Copy&, const Signature& signature, Engine& engine) {
  // In the target's layout, so that only the source may have to be converted.
  const TensorDesc& target = signature.inputs[0];
  Index elements = target.layout.isPlain() ? target.elements() : paddedElements(engine.format(target), target.shape);
  std::size_t bytes = static_cast<std::size_t>(elements) * sizeOf(target.dtype);
  auto kernel = makeKernel(signature, [bytes](const Run& run) {
    if (bytes) std::memcpy(run.inOut<void>(0), run.in<void>(1), bytes);
  });
  kernel->inputLayouts = {target.layout, target.layout};
  return kernel;
}

}  // namespace cnn::cpu

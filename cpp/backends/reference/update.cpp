// Ops that overwrite their inputs: optimizer steps, gradient clipping, copying. Each element is updated in double.
#include "loops.hpp"

namespace cnn::reference {
namespace {

/// The inputs of an optimizer step: lists of `count` tensors one after the other. Tensor i of every list has the same
/// shape and type.
struct Lists {
  int count = 0;
  int lists = 0;
  std::vector<Index> sizes;  // elements of tensor i
  std::vector<DType> dtypes;

  Lists(const Signature& signature, Index length)
      : count(static_cast<int>(length)), lists(count ? static_cast<int>(signature.inputs.size()) / count : 0) {
    for (int i = 0; i < count; i++) {
      sizes.push_back(signature.inputs[static_cast<std::size_t>(i)].elements());
      dtypes.push_back(signature.inputs[static_cast<std::size_t>(i)].dtype);
    }
  }

  /// Calls `f(Type<T>{}, i, size)` for each i.
  template <class F>
  void forEach(F f) const {
    for (int i = 0; i < count; i++) {
      auto at = static_cast<std::size_t>(i);
      dispatchFloat(dtypes[at], [&](auto type) { f(type, i, sizes[at]); });
    }
  }

  /// Tensor i of a list; null where the list is absent.
  template <class T>
  T* tensor(const Run& run, int list, int i) const {
    return list < lists ? run.inOut<T>(list * count + i) : nullptr;
  }
};

template <class T>
double get(const T* values, Index i) {
  return static_cast<double>(values[i]);
}

/// Writes a value and returns it as it is kept.
template <class T>
double put(T* values, Index i, double value) {
  values[i] = static_cast<T>(value);
  return get(values, i);
}

}  // namespace

KernelPtr prepare(const Sgd& op, const Signature& signature) {
  Lists lists(signature, op.count);
  return makeKernel(signature, [=](const Run& run) {
    const Sgd& sgd = std::get<Sgd>(run.op);
    lists.forEach([&]<class T>(Type<T>, int tensor, Index size) {
      T* p = lists.tensor<T>(run, 0, tensor);
      const T* grad = lists.tensor<T>(run, 1, tensor);
      T* buffer = lists.tensor<T>(run, 2, tensor);
      for (Index i = 0; i < size; i++) {
        double g = get(grad, i) + sgd.weightDecay * get(p, i);
        if (buffer) {
          double b = put(buffer, i, sgd.step == 1 ? g : sgd.momentum * get(buffer, i) + (1 - sgd.dampening) * g);
          g = sgd.nesterov ? g + sgd.momentum * b : b;
        }
        put(p, i, get(p, i) - sgd.learningRate * g);
      }
    });
  });
}

KernelPtr prepare(const Adam& op, const Signature& signature) {
  Lists lists(signature, op.count);
  return makeKernel(signature, [=](const Run& run) {
    const Adam& adam = std::get<Adam>(run.op);
    double correction1 = 1 - std::pow(adam.beta1, static_cast<double>(adam.step));
    double correction2 = std::sqrt(1 - std::pow(adam.beta2, static_cast<double>(adam.step)));
    lists.forEach([&]<class T>(Type<T>, int tensor, Index size) {
      T* p = lists.tensor<T>(run, 0, tensor);
      const T* grad = lists.tensor<T>(run, 1, tensor);
      T *average = lists.tensor<T>(run, 2, tensor), *square = lists.tensor<T>(run, 3, tensor);
      T* maxSquare = lists.tensor<T>(run, 4, tensor);
      for (Index i = 0; i < size; i++) {
        double decayed = adam.decoupled ? get(p, i) * (1 - adam.learningRate * adam.weightDecay) : get(p, i);
        double g = get(grad, i) + (adam.decoupled ? 0 : adam.weightDecay * get(p, i));
        double m = put(average, i, adam.beta1 * get(average, i) + (1 - adam.beta1) * g);
        double v = put(square, i, adam.beta2 * get(square, i) + (1 - adam.beta2) * g * g);
        if (maxSquare) v = put(maxSquare, i, std::max(get(maxSquare, i), v));
        put(p, i, decayed - adam.learningRate / correction1 * m / (std::sqrt(v) / correction2 + adam.eps));
      }
    });
  });
}

KernelPtr prepare(const RmsProp& op, const Signature& signature) {
  Lists lists(signature, op.count);
  bool hasBuffers = lists.lists == (op.centered ? 5 : 4);
  return makeKernel(signature, [=, centered = op.centered](const Run& run) {
    const RmsProp& rms = std::get<RmsProp>(run.op);
    lists.forEach([&]<class T>(Type<T>, int tensor, Index size) {
      T* p = lists.tensor<T>(run, 0, tensor);
      const T* grad = lists.tensor<T>(run, 1, tensor);
      T* square = lists.tensor<T>(run, 2, tensor);
      T* buffer = hasBuffers ? lists.tensor<T>(run, 3, tensor) : nullptr;
      T* average = centered ? lists.tensor<T>(run, hasBuffers ? 4 : 3, tensor) : nullptr;
      for (Index i = 0; i < size; i++) {
        double g = get(grad, i) + rms.weightDecay * get(p, i);
        double v = put(square, i, rms.alpha * get(square, i) + (1 - rms.alpha) * g * g);
        if (average) {
          double m = put(average, i, rms.alpha * get(average, i) + (1 - rms.alpha) * g);
          v -= m * m;
        }
        double step = g / (std::sqrt(v) + rms.eps);
        if (buffer) step = put(buffer, i, rms.momentum * get(buffer, i) + step);
        put(p, i, get(p, i) - rms.learningRate * step);
      }
    });
  });
}

KernelPtr prepare(const ClipGradNorm&, const Signature& signature) {
  Lists lists(signature, static_cast<Index>(signature.inputs.size()));
  DType normType = signature.outputs[0].dtype;
  return makeKernel(signature, [=](const Run& run) {
    const ClipGradNorm& clip = std::get<ClipGradNorm>(run.op);
    if (!(clip.normType > 0)) {
      fail(ErrorKind::value, "clipGradNorm: normType is ", clip.normType, ", expected a positive number or Infinity");
    }
    bool isMax = std::isinf(clip.normType);
    double norm = 0;
    lists.forEach([&]<class T>(Type<T>, int tensor, Index size) {
      const T* grad = lists.tensor<T>(run, 0, tensor);
      for (Index i = 0; i < size; i++) {
        double magnitude = std::abs(get(grad, i));
        if (!isMax) {
          norm += clip.normType == 2 ? magnitude * magnitude : std::pow(magnitude, clip.normType);
        } else if (magnitude > norm || std::isnan(magnitude)) {  // a NaN once held stays
          norm = magnitude;
        }
      }
    });
    if (!isMax) norm = clip.normType == 2 ? std::sqrt(norm) : std::pow(norm, 1 / clip.normType);
    dispatchFloat(normType, [&]<class T>(Type<T>) { put(run.out<T>(0), 0, norm); });

    double factor = clip.maxNorm / (norm + 1e-6);
    if (factor >= 1) return;  // a NaN goes on into the gradients
    lists.forEach([&]<class T>(Type<T>, int tensor, Index size) {
      T* grad = lists.tensor<T>(run, 0, tensor);
      for (Index i = 0; i < size; i++) put(grad, i, get(grad, i) * factor);
    });
  });
}

KernelPtr prepare(const ClipGradValue&, const Signature& signature) {
  Lists lists(signature, static_cast<Index>(signature.inputs.size()));
  return makeKernel(signature, [=](const Run& run) {
    double limit = std::get<ClipGradValue>(run.op).clipValue;
    lists.forEach([&]<class T>(Type<T>, int tensor, Index size) {
      T* grad = lists.tensor<T>(run, 0, tensor);
      for (Index i = 0; i < size; i++) {
        double g = get(grad, i);
        if (!std::isnan(g)) put(grad, i, std::min(std::max(g, -limit), limit));
      }
    });
  });
}

KernelPtr prepare(const Copy&, const Signature& signature) {
  std::size_t bytes = signature.inputs[0].plainBytes();
  return makeKernel(signature, [=](const Run& run) { copyBytes(run.inOut<void>(0), run.in<void>(1), bytes); });
}

}  // namespace cnn::reference

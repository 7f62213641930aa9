// Convolution and its two gradients, each the same sum over matches: output position p, kernel position k and
// input position i belong together where i = p·stride − padding + k·dilation.
#include "loops.hpp"

namespace cnn::reference {
namespace {

/// One term of a sum along one axis: where it reads in the first and in the second factor.
struct Tap {
  Index a, b;
};
using AxisTaps = std::vector<std::vector<Tap>>;  // the terms of each position of the result
using Taps = std::array<AxisTaps, 3>;

struct Geometry {
  Triple input, output, kernel;
  Index samples, groups;
  Index inputChannels, outputChannels;  // of one group

  Geometry(const Dims& x, const Dims& weight, const Dims& y, Index groups)
      : input(spatialOf(x)), output(spatialOf(y)), kernel(spatialOf(weight)), samples(x[0]), groups(groups),
        inputChannels(weight[1]), outputChannels(weight[0] / groups) {}
};

/// Collects the matches inside the input. `place(p, k, i)` says for which position of the result a match counts, and its
/// tap.
template <class ConvOp, class Place>
Taps collectTaps(const ConvOp& op, const Geometry& size, const Triple& result, Place place) {
  Triple stride = lift(op.stride, 1), padding = lift(op.padding, 0), dilation = lift(op.dilation, 1);
  Taps taps;
  for (std::size_t axis = 0; axis < 3; axis++) {
    taps[axis].resize(static_cast<std::size_t>(result[axis]));
    for (Index p = 0; p < size.output[axis]; p++) {
      for (Index k = 0; k < size.kernel[axis]; k++) {
        Index i = p * stride[axis] - padding[axis] + k * dilation[axis];
        if (i < 0 || i >= size.input[axis]) continue;
        auto [position, tap] = place(p, k, i);
        taps[axis][static_cast<std::size_t>(position)].push_back(tap);
      }
    }
  }
  return taps;
}

using Placed = std::pair<Index, Tap>;

/// Adds Σ a[tap.a] · b[tap.b] to every position of the result: one channel of `a` times one of `b`.
template <class T>
void addProducts(double* sums, const Taps& taps, const T* a, const Triple& sizeA, const T* b, const Triple& sizeB) {
  for (const auto& depth : taps[0]) {
    for (const auto& height : taps[1]) {
      for (const auto& width : taps[2]) {
        double sum = 0;
        for (Tap d : depth) {
          for (Tap h : height) {
            const T* rowA = a + (d.a * sizeA[1] + h.a) * sizeA[2];
            const T* rowB = b + (d.b * sizeB[1] + h.b) * sizeB[2];
            for (Tap w : width) sum += static_cast<double>(rowA[w.a]) * static_cast<double>(rowB[w.b]);
          }
        }
        *sums++ += sum;
      }
    }
  }
}

}  // namespace

KernelPtr prepare(const Conv& op, const Signature& signature) {
  Geometry size(signature.inputs[0].shape, signature.inputs[1].shape, signature.outputs[0].shape, op.groups);
  Taps taps = collectTaps(op, size, size.output, [](Index p, Index k, Index i) { return Placed{p, {i, k}}; });
  Index inputs = volume(size.input), outputs = volume(size.output), kernels = volume(size.kernel);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T *x = run.in<T>(0), *weight = run.in<T>(1), *bias = run.in<T>(2);
      T* y = run.out<T>(0);
      double* sums = static_cast<double*>(run.workspace);  // one plane of y
      for (Index n = 0; n < size.samples; n++) {
        for (Index g = 0; g < size.groups; g++) {
          for (Index o = 0; o < size.outputChannels; o++) {
            Index output = g * size.outputChannels + o;
            std::fill_n(sums, outputs, bias ? static_cast<double>(bias[output]) : 0.0);
            for (Index c = 0; c < size.inputChannels; c++) {
              const T* plane = x + ((n * size.groups + g) * size.inputChannels + c) * inputs;
              const T* filter = weight + (output * size.inputChannels + c) * kernels;
              addProducts(sums, taps, plane, size.input, filter, size.kernel);
            }
            narrowAll(y, sums, outputs);
            y += outputs;
          }
        }
      }
    }, doubles(outputs));
  });
}

KernelPtr prepare(const ConvBackwardData& op, const Signature& signature) {
  Geometry size(signature.outputs[0].shape, signature.inputs[1].shape, signature.inputs[0].shape, op.groups);
  Taps taps = collectTaps(op, size, size.input, [](Index p, Index k, Index i) { return Placed{i, {p, k}}; });
  Index inputs = volume(size.input), outputs = volume(size.output), kernels = volume(size.kernel);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T *dy = run.in<T>(0), *weight = run.in<T>(1), *bias = run.in<T>(2);
      T* dx = run.out<T>(0);
      double* sums = static_cast<double*>(run.workspace);  // one plane of dx
      for (Index n = 0; n < size.samples; n++) {
        for (Index g = 0; g < size.groups; g++) {
          for (Index c = 0; c < size.inputChannels; c++) {
            std::fill_n(sums, inputs, bias ? static_cast<double>(bias[g * size.inputChannels + c]) : 0.0);
            for (Index o = 0; o < size.outputChannels; o++) {
              Index output = g * size.outputChannels + o;
              const T* plane = dy + (n * size.groups * size.outputChannels + output) * outputs;
              const T* filter = weight + (output * size.inputChannels + c) * kernels;
              addProducts(sums, taps, plane, size.output, filter, size.kernel);
            }
            narrowAll(dx, sums, inputs);
            dx += inputs;
          }
        }
      }
    }, doubles(inputs));
  });
}

KernelPtr prepare(const ConvBackwardWeight& op, const Signature& signature) {
  Geometry size(signature.inputs[0].shape, signature.outputs[0].shape, signature.inputs[1].shape, op.groups);
  Taps taps = collectTaps(op, size, size.kernel, [](Index p, Index k, Index i) { return Placed{k, {i, p}}; });
  Index inputs = volume(size.input), outputs = volume(size.output), kernels = volume(size.kernel);
  return dispatchFloat(signature.inputs[0].dtype, [&, bias = op.bias]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T *x = run.in<T>(0), *dy = run.in<T>(1);
      T* dw = run.out<T>(0);
      double* sums = static_cast<double*>(run.workspace);  // one filter plane of dw
      Index allOutputs = size.groups * size.outputChannels;
      for (Index o = 0; o < allOutputs; o++) {
        for (Index c = 0; c < size.inputChannels; c++) {
          std::fill_n(sums, kernels, 0.0);
          for (Index n = 0; n < size.samples; n++) {
            Index g = o / size.outputChannels;
            const T* plane = x + ((n * size.groups + g) * size.inputChannels + c) * inputs;
            addProducts(sums, taps, plane, size.input, dy + (n * allOutputs + o) * outputs, size.output);
          }
          narrowAll(dw, sums, kernels);
          dw += kernels;
        }
      }
      if (!bias) return;
      T* db = run.out<T>(1);
      for (Index o = 0; o < allOutputs; o++) {
        double sum = 0;
        for (Index n = 0; n < size.samples; n++) {
          const T* plane = dy + (n * allOutputs + o) * outputs;
          for (Index p = 0; p < outputs; p++) sum += static_cast<double>(plane[p]);
        }
        db[o] = static_cast<T>(sum);
      }
    }, doubles(kernels));
  });
}

}  // namespace cnn::reference

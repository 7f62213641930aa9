// Convolution and its two gradients, each the same sum over matches: output position p, kernel position k and
// input position i belong together where i = p·stride − padding + k·dilation.
#include <numeric>

#include "loops.hpp"

namespace cnn::reference {
namespace {

/// The terms of a sum along one axis: term t reads at a + t·stepA in the first factor and at b + t·stepB in the second.
struct Terms {
  Index count = 0, a = 0, b = 0, stepA = 0, stepB = 0;
};

Index ceilOf(Index number, Index by) { return number >= 0 ? (number + by - 1) / by : -(-number / by); }
Index floorOf(Index number, Index by) { return -ceilOf(-number, by); }

struct Geometry {
  Triple input, output, kernel;
  Index samples, groups;
  Index inputChannels, outputChannels;  // of one group

  Geometry(const Dims& x, const Dims& weight, const Dims& y, Index groups)
      : input(spatialOf(x)),
        output(spatialOf(y)),
        kernel(spatialOf(weight)),
        samples(x[0]),
        groups(groups),
        inputChannels(weight[1]),
        outputChannels(weight[0] / groups) {}
};

/// The three factors along one axis: i = p·stride − padding + k·dilation.
struct Axis {
  Index input, output, kernel, stride, padding, dilation;

  /// What an output position reads: (input, kernel).
  Terms ofOutput(Index p) const {
    Index start = p * stride - padding;
    Index first = std::max<Index>(0, ceilOf(-start, dilation)),
          last = std::min(kernel - 1, floorOf(input - 1 - start, dilation));
    return {last - first + 1, start + first * dilation, first, dilation, 1};
  }
  /// What a kernel position reads: (input, output).
  Terms ofKernel(Index k) const {
    Index start = k * dilation - padding;
    Index first = std::max<Index>(0, ceilOf(-start, stride)),
          last = std::min(output - 1, floorOf(input - 1 - start, stride));
    return {last - first + 1, start + first * stride, first, stride, 1};
  }
  /// What an input position reads: (output, kernel), by rising output position. p·stride + k·dilation = i + padding
  /// holds again after as many steps of either as the other's share of both.
  Terms ofInput(Index i) const {
    Index common = std::gcd(stride, dilation), stepP = dilation / common, stepK = stride / common, sum = i + padding;
    if (sum % common != 0) return {};
    Index lastK = std::min(kernel - 1, sum / dilation);
    // the greatest k up to there that leaves a multiple of the stride; one of stepK neighbours does
    Index k = lastK;
    while (k >= 0 && k > lastK - stepK && (sum - k * dilation) % stride != 0) k--;
    if (k < 0 || (sum - k * dilation) % stride != 0) return {};
    Index p = (sum - k * dilation) / stride;
    Index most = p >= output ? 0 : std::min(k / stepK, (output - 1 - p) / stepP) + 1;
    return {most, p, k, stepP, -stepK};
  }
};

template <class ConvOp>
std::array<Axis, 3> axesOf(const ConvOp& op, const Geometry& size) {
  Triple stride = lift(op.stride, 1), padding = lift(op.padding, 0), dilation = lift(op.dilation, 1);
  std::array<Axis, 3> axes;
  for (std::size_t i = 0; i < 3; i++)
    axes[i] = {size.input[i], size.output[i], size.kernel[i], stride[i], padding[i], dilation[i]};
  return axes;
}

/// Adds Σ a[…] · b[…] to every position of a result of size `result`: one channel of `a` times one of `b`. `terms(axis,
/// position)` says which. They are computed where they are wanted: all of them would be more than a long, narrow
/// result.
template <class T, class Of>
void addProducts(double* sums, const Triple& result, Of terms, const T* a, const Triple& sizeA, const T* b,
                 const Triple& sizeB) {
  constexpr Index together = 256;  // columns, whose terms serve all rows
  std::array<Terms, together> columns;
  for (Index first = 0; first < result[2]; first += together) {
    Index count = std::min(together, result[2] - first);
    for (Index i = 0; i < count; i++) columns[static_cast<std::size_t>(i)] = terms(2, first + i);
    for (Index z = 0; z < result[0]; z++) {
      const Terms depth = terms(0, z);
      for (Index y = 0; y < result[1]; y++) {
        const Terms height = terms(1, y);
        double* row = sums + (z * result[1] + y) * result[2] + first;
        for (Index i = 0; i < count; i++) {
          const Terms& width = columns[static_cast<std::size_t>(i)];
          double sum = 0;
          for (Index d = 0; d < depth.count; d++) {
            for (Index h = 0; h < height.count; h++) {
              const T* rowA =
                  a + ((depth.a + d * depth.stepA) * sizeA[1] + height.a + h * height.stepA) * sizeA[2] + width.a;
              const T* rowB =
                  b + ((depth.b + d * depth.stepB) * sizeB[1] + height.b + h * height.stepB) * sizeB[2] + width.b;
              for (Index w = 0; w < width.count; w++)
                sum += static_cast<double>(rowA[w * width.stepA]) * static_cast<double>(rowB[w * width.stepB]);
            }
          }
          row[i] += sum;
        }
      }
    }
  }
}

}  // namespace

KernelPtr prepare(const Conv& op, const Signature& signature) {
  Geometry size(signature.inputs[0].shape, signature.inputs[1].shape, signature.outputs[0].shape, op.groups);
  auto terms = [axes = axesOf(op, size)](std::size_t axis, Index p) { return axes[axis].ofOutput(p); };
  Index inputs = volume(size.input), outputs = volume(size.output), kernels = volume(size.kernel);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
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
                  addProducts(sums, size.output, terms, plane, size.input, filter, size.kernel);
                }
                narrowAll(y, sums, outputs);
                y += outputs;
              }
            }
          }
        },
        doubles(outputs));
  });
}

KernelPtr prepare(const ConvBackwardData& op, const Signature& signature) {
  Geometry size(signature.outputs[0].shape, signature.inputs[1].shape, signature.inputs[0].shape, op.groups);
  auto terms = [axes = axesOf(op, size)](std::size_t axis, Index i) { return axes[axis].ofInput(i); };
  Index inputs = volume(size.input), outputs = volume(size.output), kernels = volume(size.kernel);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
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
                  addProducts(sums, size.input, terms, plane, size.output, filter, size.kernel);
                }
                narrowAll(dx, sums, inputs);
                dx += inputs;
              }
            }
          }
        },
        doubles(inputs));
  });
}

KernelPtr prepare(const ConvBackwardWeight& op, const Signature& signature) {
  Geometry size(signature.inputs[0].shape, signature.outputs[0].shape, signature.inputs[1].shape, op.groups);
  auto terms = [axes = axesOf(op, size)](std::size_t axis, Index k) { return axes[axis].ofKernel(k); };
  Index inputs = volume(size.input), outputs = volume(size.output), kernels = volume(size.kernel);
  return dispatchFloat(signature.inputs[0].dtype, [&, bias = op.bias]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
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
                addProducts(sums, size.kernel, terms, plane, size.input, dy + (n * allOutputs + o) * outputs,
                            size.output);
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
        },
        doubles(kernels));
  });
}

}  // namespace cnn::reference

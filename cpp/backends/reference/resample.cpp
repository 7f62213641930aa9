// Interpolation: each output position is a weighted sum of few input positions, axis by axis.
#include "loops.hpp"

namespace cnn::reference {
namespace {

struct Tap {
  Index position;
  double weight;
};
using Taps = std::array<std::vector<std::vector<Tap>>, 3>;

std::vector<Tap> tapsOf(Interpolation mode, bool alignCorners, Index i, Index input, Index output) {
  if (mode == Interpolation::nearest) return {{i * input / output, 1}};
  double ratio = static_cast<double>(input) / static_cast<double>(output);
  double corners = output > 1 ? static_cast<double>(input - 1) / static_cast<double>(output - 1) : 0;
  double at = static_cast<double>(i) * corners;
  if (!alignCorners) at = std::max(0.0, (static_cast<double>(i) + 0.5) * ratio - 0.5);  // pixel centres
  Index first = std::min(static_cast<Index>(at), input - 1);
  double part = std::min(at - static_cast<double>(first), 1.0);
  return {{first, 1 - part}, {std::min(first + 1, input - 1), part}};
}

template <class UpsampleOp>
Taps collectTaps(const UpsampleOp& op, const Triple& input, const Triple& output) {
  Taps taps;
  for (std::size_t axis = 0; axis < 3; axis++) {
    // an axis that the tensor does not have is 1 → 1, as is one of the same size: read as it is
    bool isSame = input[axis] == output[axis];
    for (Index i = 0; i < output[axis]; i++) {
      taps[axis].push_back(isSame ? std::vector<Tap>{{i, 1}}
                                  : tapsOf(op.mode, op.alignCorners, i, input[axis], output[axis]));
    }
  }
  return taps;
}

/// Calls `f(output position, input position, weight)` for each pair that belongs together, in one plane.
template <class F>
void forEachPair(const Taps& taps, const Triple& input, F f) {
  Index output = 0;
  for (const auto& depth : taps[0]) {
    for (const auto& height : taps[1]) {
      for (const auto& width : taps[2]) {
        for (const Tap& d : depth) {
          for (const Tap& h : height) {
            Index row = (d.position * input[1] + h.position) * input[2];
            for (const Tap& w : width) f(output, row + w.position, d.weight * h.weight * w.weight);
          }
        }
        output++;
      }
    }
  }
}

}  // namespace

KernelPtr prepare(const Upsample& op, const Signature& signature) {
  const Dims &from = signature.inputs[0].shape, &to = signature.outputs[0].shape;
  Triple input = spatialOf(from), output = spatialOf(to);
  Taps taps = collectTaps(op, input, output);
  Index planes = from[0] * from[1], inputs = volume(input), outputs = volume(output);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T* x = run.in<T>(0);
      T* y = run.out<T>(0);
      double* sums = static_cast<double*>(run.workspace);  // one plane of y
      for (Index n = 0; n < planes; n++, x += inputs, y += outputs) {
        std::fill_n(sums, outputs, 0.0);
        forEachPair(taps, input, [&](Index o, Index i, double weight) { sums[o] += weight * static_cast<double>(x[i]); });
        narrowAll(y, sums, outputs);
      }
    }, doubles(outputs));
  });
}

KernelPtr prepare(const UpsampleBackward& op, const Signature& signature) {
  const Dims &from = signature.inputs[0].shape, &to = signature.outputs[0].shape;
  Triple output = spatialOf(from), input = spatialOf(to);
  Taps taps = collectTaps(op, input, output);
  Index planes = from[0] * from[1], inputs = volume(input), outputs = volume(output);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T* dy = run.in<T>(0);
      T* dx = run.out<T>(0);
      double* sums = static_cast<double*>(run.workspace);  // one plane of dx
      for (Index n = 0; n < planes; n++, dy += outputs, dx += inputs) {
        std::fill_n(sums, inputs, 0.0);
        forEachPair(taps, input, [&](Index o, Index i, double weight) { sums[i] += weight * static_cast<double>(dy[o]); });
        narrowAll(dx, sums, inputs);
      }
    }, doubles(inputs));
  });
}

}  // namespace cnn::reference

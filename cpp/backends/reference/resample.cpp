// Interpolation: each output position is a weighted sum of few input positions, axis by axis.
#include "loops.hpp"

namespace cnn::reference {
namespace {

struct Tap {
  Index position;
  double weight;
};
/// What one output position reads along one axis.
struct Taps {
  std::array<Tap, 2> list;
  std::size_t count;
  const Tap* begin() const { return list.data(); }
  const Tap* end() const { return list.data() + count; }
};

Taps tapsOf(Interpolation mode, bool alignCorners, Index i, Index input, Index output) {
  if (mode == Interpolation::nearest) return {{{{i * input / output, 1}}}, 1};
  double ratio = static_cast<double>(input) / static_cast<double>(output);
  double corners = output > 1 ? static_cast<double>(input - 1) / static_cast<double>(output - 1) : 0;
  double at = static_cast<double>(i) * corners;
  if (!alignCorners) at = std::max(0.0, (static_cast<double>(i) + 0.5) * ratio - 0.5);  // pixel centres
  Index first = std::min(static_cast<Index>(at), input - 1);
  double part = std::min(at - static_cast<double>(first), 1.0);
  return {{{{first, 1 - part}, {std::min(first + 1, input - 1), part}}}, 2};
}

/// How the positions of two planes belong together. Taps are computed where they are wanted: all of them would be more
/// than a long, narrow plane.
struct Geometry {
  Interpolation mode;
  bool alignCorners;
  Triple input, output;

  Taps at(std::size_t axis, Index i) const {
    // an axis that the tensor does not have is 1 → 1, as is one of the same size: read as it is
    if (input[axis] == output[axis]) return {{{{i, 1}}}, 1};
    return tapsOf(mode, alignCorners, i, input[axis], output[axis]);
  }
};

/// Calls `f(output position, input position, weight)` for each pair that belongs together, in one plane.
template <class F>
void forEachPair(const Geometry& size, F f) {
  constexpr Index together = 256;  // columns, whose taps serve all rows
  std::array<Taps, together> columns;
  for (Index first = 0; first < size.output[2]; first += together) {
    Index count = std::min(together, size.output[2] - first);
    for (Index i = 0; i < count; i++) columns[static_cast<std::size_t>(i)] = size.at(2, first + i);
    for (Index z = 0; z < size.output[0]; z++) {
      Taps depth = size.at(0, z);
      for (Index y = 0; y < size.output[1]; y++) {
        Taps height = size.at(1, y);
        Index output = (z * size.output[1] + y) * size.output[2] + first;
        for (Index i = 0; i < count; i++) {
          for (const Tap& d : depth) {
            for (const Tap& h : height) {
              Index row = (d.position * size.input[1] + h.position) * size.input[2];
              for (const Tap& w : columns[static_cast<std::size_t>(i)])
                f(output + i, row + w.position, d.weight * h.weight * w.weight);
            }
          }
        }
      }
    }
  }
}

}  // namespace

KernelPtr prepare(const Upsample& op, const Signature& signature) {
  const Dims &from = signature.inputs[0].shape, &to = signature.outputs[0].shape;
  Triple input = spatialOf(from), output = spatialOf(to);
  Geometry size{op.mode, op.alignCorners, input, output};
  Index planes = from[0] * from[1], inputs = volume(input), outputs = volume(output);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T* x = run.in<T>(0);
          T* y = run.out<T>(0);
          double* sums = static_cast<double*>(run.workspace);  // one plane of y
          for (Index n = 0; n < planes; n++, x += inputs, y += outputs) {
            std::fill_n(sums, outputs, 0.0);
            forEachPair(size, [&](Index o, Index i, double weight) { sums[o] += weight * static_cast<double>(x[i]); });
            narrowAll(y, sums, outputs);
          }
        },
        doubles(outputs));
  });
}

KernelPtr prepare(const UpsampleBackward& op, const Signature& signature) {
  const Dims &from = signature.inputs[0].shape, &to = signature.outputs[0].shape;
  Triple output = spatialOf(from), input = spatialOf(to);
  Geometry size{op.mode, op.alignCorners, input, output};
  Index planes = from[0] * from[1], inputs = volume(input), outputs = volume(output);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T* dy = run.in<T>(0);
          T* dx = run.out<T>(0);
          double* sums = static_cast<double*>(run.workspace);  // one plane of dx
          for (Index n = 0; n < planes; n++, dy += outputs, dx += inputs) {
            std::fill_n(sums, inputs, 0.0);
            forEachPair(size, [&](Index o, Index i, double weight) { sums[i] += weight * static_cast<double>(dy[o]); });
            narrowAll(dx, sums, inputs);
          }
        },
        doubles(inputs));
  });
}

}  // namespace cnn::reference

// What a convolution is to oneDNN, and to the kernels beside it: its sizes, and the pieces it falls into.
#pragma once

#include <optional>
#include <vector>

#include "engine.hpp"

namespace cnn::cpu {

/// The sizes of a convolution in oneDNN's terms: grouped weights have an axis more, [G, O/G, C/G, kernel…].
struct Geometry {
  Dims x, weight, y, bias;
  using Spatial = std::vector<Index>;  // a number for each spatial dimension
  Spatial stride, dilation, low, high;
  Index groups = 1;
  DType dtype;

  template <class AnyConv>
  Geometry(const AnyConv& op, const Dims& x, const Dims& plainWeight, const Dims& y, DType dtype)
      : x(x),
        weight(plainWeight),
        y(y),
        bias{y[1]},
        stride(op.stride.begin(), op.stride.end()),
        dilation(op.dilation.begin(), op.dilation.end()),
        low(op.padding.begin(), op.padding.end()),
        high(op.paddingEnd.begin(), op.paddingEnd.end()),
        groups(op.groups),
        dtype(dtype) {
    for (auto& each : dilation) each -= 1;  // oneDNN counts the gaps
    if (groups > 1) {
      weight[0] /= groups;
      weight.insert(0, groups);
    }
    fitEndPadding();
  }

  /// Multiply-adds, or what takes as long: depthwise convolutions are bound by memory.
  double work() const;

 private:
  void fitEndPadding();
};

/// A piece of a convolution that is a convolution itself, and where its memory begins, in elements.
struct Part {
  Geometry geometry;
  Index x = 0, y = 0;
  Index output = 0;  // its first output channel: where its bias begins
};

/// A convolution as pieces of about equal work, one a thread, each of which writes one run of y: some samples each, or,
/// of a single sample, some output channels each. A thread then reads in one op what it wrote in the op before, out of
/// its own cache, where oneDNN's own way to share the work differs from primitive to primitive. Nothing where it does
/// not fall apart well.
std::optional<std::vector<Part>> partsOf(const Engine& engine, const Geometry& whole, Layout x, Layout y, int threads);

}  // namespace cnn::cpu

// Pooling: maxima with their place in the window, means with or without the padding.
#include <cmath>

#include "compute.hpp"

namespace cudasim::cudnn {

namespace {

using Index = std::int64_t;

struct Windows {
  Index planes;
  Index x[3] = {1, 1, 1}, y[3] = {1, 1, 1}, size[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, pre[3] = {0, 0, 0};

  Windows(const Descriptor& d, const std::vector<Index>& xDims, const std::vector<Index>& yDims)
      : planes(xDims[0] * xDims[1]) {
    auto sizes = d.integers(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS), strides = d.integers(CUDNN_ATTR_RESAMPLE_STRIDES);
    auto pres = d.integers(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS);
    std::size_t count = sizes.size();
    for (std::size_t i = 0; i < count; i++) {
      std::size_t to = 3 - count + i;
      x[to] = xDims[i + 2];
      y[to] = yDims[i + 2];
      size[to] = sizes[i];
      stride[to] = strides[i];
      pre[to] = pres[i];
    }
  }
  Index xSize() const { return x[0] * x[1] * x[2]; }
  Index ySize() const { return y[0] * y[1] * y[2]; }
  Index windowSize() const { return size[0] * size[1] * size[2]; }

  // visit(element of the window, index into the plane of x or -1 for padding) for output i of a plane
  template <class Visit>
  void each(Index i, Visit visit) const {
    Index at[3] = {i / (y[1] * y[2]), i / y[2] % y[1], i % y[2]};
    Index element = 0;
    for (Index a = 0; a < size[0]; a++) {
      for (Index b = 0; b < size[1]; b++) {
        for (Index c = 0; c < size[2]; c++, element++) {
          Index p[3] = {at[0] * stride[0] - pre[0] + a, at[1] * stride[1] - pre[1] + b, at[2] * stride[2] - pre[2] + c};
          bool isInside = true;
          for (int k = 0; k < 3; k++) isInside = isInside && p[k] >= 0 && p[k] < x[k];
          visit(element, isInside ? (p[0] * x[1] + p[1]) * x[2] + p[2] : -1);
        }
      }
    }
  }
};

}  // namespace

void runResample(const Operation& operation, Arrays& arrays) {
  bool isBackward = operation.descriptor->type() == CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR;
  auto pick = [&](auto forward, auto backward) { return isBackward ? backward : forward; };
  const Descriptor& d =
      *operation.descriptor->part(pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC));
  const Tensor& xTensor =
      *operation.tensor(pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC));
  const Tensor& yTensor =
      *operation.tensor(pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC));
  const Tensor* index =
      operation.tensor(pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC));
  auto mode = d.get<cudnnResampleMode_t>(CUDNN_ATTR_RESAMPLE_MODE, CUDNN_RESAMPLE_NEAREST);
  auto padding = d.get<cudnnPaddingMode_t>(CUDNN_ATTR_RESAMPLE_PADDING_MODE, CUDNN_ZERO_PAD);
  if (mode == CUDNN_RESAMPLE_NEAREST || mode == CUDNN_RESAMPLE_BILINEAR)
    refuse(CUDNN_STATUS_NOT_SUPPORTED, "only pooling is simulated");
  bool isMaximum = mode == CUDNN_RESAMPLE_MAXPOOL;
  Windows windows(d, xTensor.dims, yTensor.dims);

  if (isBackward) {
    const Array& dy = arrays.at(yTensor.uid);
    const Array* places = index ? &arrays.at(index->uid) : nullptr;
    Array dx(xTensor.dims);
    for (Index plane = 0; plane < windows.planes; plane++) {
      for (Index i = 0; i < windows.ySize(); i++) {
        auto out = static_cast<std::size_t>(plane * windows.ySize() + i);
        Index inside = 0;
        windows.each(i, [&](Index, Index at) { inside += at >= 0; });
        auto divisor =
            static_cast<double>(mode == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING ? inside : windows.windowSize());
        windows.each(i, [&](Index element, Index at) {
          if (at < 0 || (isMaximum && static_cast<Index>(places->data[out]) != element)) return;
          dx.data[static_cast<std::size_t>(plane * windows.xSize() + at)] +=
              isMaximum ? dy.data[out] : dy.data[out] / divisor;
        });
      }
    }
    arrays[xTensor.uid] = std::move(dx);
    return;
  }

  const Array& x = arrays.at(xTensor.uid);
  Array y(yTensor.dims), places(yTensor.dims);
  if (isMaximum && index && windows.windowSize() > 127)
    refuse(CUDNN_STATUS_NOT_SUPPORTED, "a place in a window of ", windows.windowSize(), " does not fit an int8");
  for (Index plane = 0; plane < windows.planes; plane++) {
    for (Index i = 0; i < windows.ySize(); i++) {
      auto out = static_cast<std::size_t>(plane * windows.ySize() + i);
      double best = -INFINITY, sum = 0;
      Index inside = 0, place = -1;
      windows.each(i, [&](Index element, Index at) {
        double value = at >= 0 ? x.data[static_cast<std::size_t>(plane * windows.xSize() + at)] : 0;
        if (at >= 0) inside++;
        sum += value;
        if (at < 0 && padding == CUDNN_NEG_INF_PAD) return;
        if (place < 0 || value > best || (std::isnan(value) && !std::isnan(best))) {
          best = value;
          place = element;
        }
      });
      y.data[out] =
          isMaximum ? best
                    : sum / static_cast<double>(mode == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING ? inside
                                                                                               : windows.windowSize());
      places.data[out] = static_cast<double>(place);
    }
  }
  arrays[yTensor.uid] = std::move(y);
  if (index) arrays[index->uid] = std::move(places);
}

}  // namespace cudasim::cudnn

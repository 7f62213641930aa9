// Pooling and its gradients: every kind looks at windows, which are the product of one interval on each axis.
#include "loops.hpp"

namespace cnn::reference {
namespace {

/// What one output position sees along one axis: begin, begin + step, … < end; all of it inside the input.
struct Window {
  Index begin, end, step;
  Index size;  // what the axis contributes to the divisor of a mean
};
/// `make(axis, position)` gives the window of an output position. It is asked whenever one is wanted: all of them would
/// be more than a long, narrow plane.
template <class Make>
struct Windows {
  Triple output;
  Make make;
};

auto maxWindows(const MaxPool& op, const Triple& input, const Triple& output) {
  Triple kernel = lift(op.kernelSize, 1), stride = lift(op.stride, 1), padding = lift(op.padding, 0),
         dilation = lift(op.dilation, 1);
  return Windows{output, [=](std::size_t axis, Index p) {
                   Index start = p * stride[axis] - padding[axis], step = dilation[axis];
                   Index end = std::min(start + (kernel[axis] - 1) * step + 1, input[axis]);
                   if (start < 0) start += (-start + step - 1) / step * step;  // padding is −∞: it is skipped
                   return Window{start, end, step, 0};
                 }};
}

template <class AvgPoolOp>
auto meanWindows(const AvgPoolOp& op, const Triple& input, const Triple& output) {
  Triple kernel = lift(op.kernelSize, 1), stride = lift(op.stride, 1), padding = lift(op.padding, 0);
  return Windows{output, [=, countIncludePad = op.countIncludePad](std::size_t axis, Index p) {
                   Index start = p * stride[axis] - padding[axis];
                   // what ceilMode adds beyond the padding counts nothing
                   Index end = std::min(start + kernel[axis], input[axis] + padding[axis]);
                   Index begin = std::max<Index>(start, 0), inside = std::min(end, input[axis]);
                   return Window{begin, inside, 1, countIncludePad ? end - start : inside - begin};
                 }};
}

auto adaptiveWindows(const Triple& input, const Triple& output) {
  return Windows{output, [=](std::size_t axis, Index p) {
                   Index begin = p * input[axis] / output[axis];
                   Index end = ((p + 1) * input[axis] + output[axis] - 1) / output[axis];
                   return Window{begin, end, 1, end - begin};
                 }};
}

/// Calls `f(d, h, w)` with the windows of each output position, in order.
template <class Make, class F>
void forEachWindow(const Windows<Make>& windows, F f) {
  for (Index z = 0; z < windows.output[0]; z++) {
    const Window d = windows.make(0, z);
    for (Index y = 0; y < windows.output[1]; y++) {
      const Window h = windows.make(1, y);
      for (Index x = 0; x < windows.output[2]; x++) f(d, h, windows.make(2, x));
    }
  }
}

/// Calls `f(position in the plane)` for each element of a window.
template <class F>
void forEachElement(const Triple& plane, const Window& d, const Window& h, const Window& w, F f) {
  for (Index z = d.begin; z < d.end; z += d.step) {
    for (Index y = h.begin; y < h.end; y += h.step) {
      for (Index x = w.begin; x < w.end; x += w.step) f((z * plane[1] + y) * plane[2] + x);
    }
  }
}

/// The index of a maximum over nothing: a dilated window can lie wholly in the padding.
constexpr Index nowhere = -1;

template <class Make>
KernelPtr prepareMax(const Signature& signature, Windows<Make> windows) {
  const Dims& shape = signature.inputs[0].shape;
  Triple plane = spatialOf(shape);
  Index planes = shape[0] * shape[1], size = volume(plane);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    auto kernel = makeKernel(signature, [=](const Run& run) {
      const T* x = run.in<T>(0);
      T* y = run.out<T>(0);
      std::int32_t* indices = run.out<std::int32_t>(1);
      for (Index n = 0; n < planes; n++, x += size) {
        forEachWindow(windows, [&](const Window& d, const Window& h, const Window& w) {
          T best = -std::numeric_limits<T>::infinity();
          Index at = nowhere;
          forEachElement(plane, d, h, w, [&](Index i) {
            if (at != nowhere && !(x[i] > best) && !std::isnan(x[i])) return;
            best = x[i];
            at = i;
          });
          *y++ = best;
          *indices++ = static_cast<std::int32_t>(at);
        });
      }
    });
    kernel->outputs[1] = TensorDesc(DType::int32, signature.outputs[0].shape);  // with or without returnIndices
    return kernel;
  });
}

/// `divisor` 0: the size of the window.
template <class Make>
KernelPtr prepareMean(const Signature& signature, Windows<Make> windows, Index divisor) {
  const Dims& shape = signature.inputs[0].shape;
  Triple plane = spatialOf(shape);
  Index planes = shape[0] * shape[1], size = volume(plane);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T* x = run.in<T>(0);
      T* y = run.out<T>(0);
      for (Index n = 0; n < planes; n++, x += size) {
        forEachWindow(windows, [&](const Window& d, const Window& h, const Window& w) {
          double sum = 0;
          bool isEmpty = true;  // a window wholly in the padding: 0, as PyTorch does
          forEachElement(plane, d, h, w, [&](Index i) {
            sum += static_cast<double>(x[i]);
            isEmpty = false;
          });
          Index count = divisor ? divisor : d.size * h.size * w.size;
          *y++ = isEmpty ? T(0) : static_cast<T>(sum / static_cast<double>(count));
        });
      }
    });
  });
}

template <class Make>
KernelPtr prepareMeanBackward(const Signature& signature, Windows<Make> windows, Index divisor) {
  const Dims& shape = signature.outputs[0].shape;
  Triple plane = spatialOf(shape);
  Index planes = shape[0] * shape[1], size = volume(plane);
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T* dy = run.in<T>(0);
          T* dx = run.out<T>(0);
          double* sums = static_cast<double*>(run.workspace);  // one plane of dx
          for (Index n = 0; n < planes; n++, dx += size) {
            std::fill_n(sums, size, 0.0);
            forEachWindow(windows, [&](const Window& d, const Window& h, const Window& w) {
              Index count = divisor ? divisor : d.size * h.size * w.size;
              double share = static_cast<double>(*dy++) / static_cast<double>(count);
              forEachElement(plane, d, h, w, [&](Index i) { sums[i] += share; });
            });
            narrowAll(dx, sums, size);
          }
        },
        doubles(size));
  });
}

Index checkedPosition(const char* op, std::int32_t index, Index size) {
  if (index < 0 || index >= size)
    fail(ErrorKind::value, op, ": index ", index, " is out of range for a plane of ", size);
  return index;
}

/// y[index] += x in planes of zeros; what has no place is left out.
KernelPtr prepareScatterSum(const char* name, const Signature& signature) {
  const Dims &from = signature.inputs[0].shape, &to = signature.outputs[0].shape;
  Index planes = from[0] * from[1], count = volume(spatialOf(from)), size = volume(spatialOf(to));
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T* x = run.in<T>(0);
          const std::int32_t* indices = run.in<std::int32_t>(1);
          T* y = run.out<T>(0);
          double* sums = static_cast<double*>(run.workspace);  // one plane of y
          for (Index n = 0; n < planes; n++, x += count, indices += count, y += size) {
            std::fill_n(sums, size, 0.0);
            for (Index i = 0; i < count; i++) {
              if (indices[i] != nowhere) sums[checkedPosition(name, indices[i], size)] += static_cast<double>(x[i]);
            }
            narrowAll(y, sums, size);
          }
        },
        doubles(size));
  });
}

}  // namespace

KernelPtr prepare(const MaxPool& op, const Signature& signature) {
  return prepareMax(signature,
                    maxWindows(op, spatialOf(signature.inputs[0].shape), spatialOf(signature.outputs[0].shape)));
}

KernelPtr prepare(const AdaptiveMaxPool&, const Signature& signature) {
  return prepareMax(signature,
                    adaptiveWindows(spatialOf(signature.inputs[0].shape), spatialOf(signature.outputs[0].shape)));
}

KernelPtr prepare(const MaxPoolBackward&, const Signature& signature) {
  return prepareScatterSum("maxPoolBackward", signature);
}

KernelPtr prepare(const MaxUnpool& op, const Signature& signature) {
  if (op.accumulate) return prepareScatterSum("maxUnpool", signature);
  const Dims &from = signature.inputs[0].shape, &to = signature.outputs[0].shape;
  Index planes = from[0] * from[1], count = volume(spatialOf(from)), size = volume(spatialOf(to));
  return dispatchSize(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T* x = run.in<T>(0);
      const std::int32_t* indices = run.in<std::int32_t>(1);
      T* y = run.out<T>(0);
      std::fill_n(y, planes * size, T(0));
      for (Index n = 0; n < planes; n++, x += count, indices += count, y += size) {
        for (Index i = 0; i < count; i++) y[checkedPosition("maxUnpool", indices[i], size)] = x[i];
      }
    });
  });
}

KernelPtr prepare(const PlaneGather&, const Signature& signature) {
  const Dims &from = signature.inputs[0].shape, &to = signature.outputs[0].shape;
  Index planes = from[0] * from[1], size = volume(spatialOf(from)), count = volume(spatialOf(to));
  return dispatchSize(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T* x = run.in<T>(0);
      const std::int32_t* indices = run.in<std::int32_t>(1);
      T* y = run.out<T>(0);
      for (Index n = 0; n < planes; n++, x += size, indices += count, y += count) {
        for (Index i = 0; i < count; i++) {
          y[i] = indices[i] == nowhere ? T(0) : x[checkedPosition("planeGather", indices[i], size)];
        }
      }
    });
  });
}

KernelPtr prepare(const AvgPool& op, const Signature& signature) {
  const Dims &x = signature.inputs[0].shape, &y = signature.outputs[0].shape;
  return prepareMean(signature, meanWindows(op, spatialOf(x), spatialOf(y)), op.divisor);
}

KernelPtr prepare(const AvgPoolBackward& op, const Signature& signature) {
  const Dims &dy = signature.inputs[0].shape, &dx = signature.outputs[0].shape;
  return prepareMeanBackward(signature, meanWindows(op, spatialOf(dx), spatialOf(dy)), op.divisor);
}

KernelPtr prepare(const AdaptiveAvgPool&, const Signature& signature) {
  const Dims &x = signature.inputs[0].shape, &y = signature.outputs[0].shape;
  return prepareMean(signature, adaptiveWindows(spatialOf(x), spatialOf(y)), 0);
}

KernelPtr prepare(const AdaptiveAvgPoolBackward&, const Signature& signature) {
  const Dims &dy = signature.inputs[0].shape, &dx = signature.outputs[0].shape;
  return prepareMeanBackward(signature, adaptiveWindows(spatialOf(dx), spatialOf(dy)), 0);
}

}  // namespace cnn::reference

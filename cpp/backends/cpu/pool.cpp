// Pooling by own loops, in any layout that has channels side by side or is plain.
#include <cstring>
#include <limits>

#include "channels.hpp"
#include "kernels.hpp"
#include "simd.hpp"

namespace cnn::cpu {

namespace {

// The part of the input that one output position of one axis sees.
struct Window {
  Index from = 0;   // first position inside
  Index first = 0;  // which element of the window that is
  Index count = 0;  // elements inside
  Index whole = 0;  // elements with the padding
};

// Windows of three axes (missing axes: one window of one element) and the sizes around them.
struct Plan {
  std::vector<Window> windows[3];
  Index in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, dilation[3] = {1, 1, 1};
  ChannelView view;  // of the input: its lanes are the output's too
  Index divisor = 0;
  bool countsPadding = false;

  Index inPositions() const { return in[0] * in[1] * in[2]; }
  Index outPositions() const { return out[0] * out[1] * out[2]; }
  // A window wholly in the padding (dilation can step over the input): the reference backend says what comes of it.
  bool hasEmptyWindow() const {
    return std::any_of(std::begin(windows), std::end(windows), [](const auto& axis) {
      return std::any_of(axis.begin(), axis.end(), [](const Window& window) { return window.count == 0; });
    });
  }
  Index rows() const { return view.batch * view.blocks; }
  // Work of a row, as light elements.
  Index rowElements() const {
    return view.lanes * std::max(inPositions(), outPositions() * kernel[0] * kernel[1] * kernel[2]);
  }
  float scale(const Window& d, const Window& h, const Window& w) const {
    Index count = divisor ? divisor : countsPadding ? d.whole * h.whole * w.whole : d.count * h.count * w.count;
    return 1.0f / static_cast<float>(count);
  }
};

template <class Make>
Plan makePlan(const ChannelView& view, const Dims& in, const Dims& out, Make window) {
  Plan plan;
  plan.view = view;
  int spatial = in.size() - 2, skip = 3 - spatial;
  for (int i = 0; i < 3; i++) {
    if (i < skip) {
      plan.windows[i] = {Window{0, 0, 1, 1}};
      continue;
    }
    plan.in[i] = in[i - skip + 2];
    plan.out[i] = out[i - skip + 2];
    for (Index o = 0; o < plan.out[i]; o++) plan.windows[i].push_back(window(i - skip, o));
  }
  return plan;
}

// Windows at fixed steps. `spans`: the kernel's reach with dilation.
template <class Pool>
Plan fixedPlan(const Pool& op, const Dims& dilation, const ChannelView& view, const Dims& in, const Dims& out) {
  Plan plan = makePlan(view, in, out, [&](int axis, Index o) {
    Index size = in[axis + 2], step = dilation[axis], pad = op.padding[axis], kernel = op.kernelSize[axis];
    Index start = o * op.stride[axis] - pad;
    Window window;
    window.first = start < 0 ? (-start + step - 1) / step : 0;
    window.from = start + window.first * step;
    Index end = std::min(kernel, start >= size ? 0 : (size - start + step - 1) / step);
    window.count = std::max<Index>(end - window.first, 0);
    window.whole = std::min(start + kernel, size + pad) - start;
    return window;
  });
  int skip = 3 - op.kernelSize.size();
  for (int i = skip; i < 3; i++) {
    plan.kernel[i] = op.kernelSize[i - skip];
    plan.dilation[i] = dilation[i - skip];
  }
  return plan;
}

Plan adaptivePlan(const ChannelView& view, const Dims& in, const Dims& out) {
  Plan plan = makePlan(view, in, out, [&](int axis, Index o) {
    Index size = in[axis + 2], parts = out[axis + 2];
    Index from = o * size / parts, to = ((o + 1) * size + parts - 1) / parts;
    return Window{from, 0, to - from, to - from};
  });
  return plan;
}

// Calls f(output position, d, h, w) for all outputs of a row.
template <class F>
void forOutputs(const Plan& plan, F&& f) {
  Index position = 0;
  for (const Window& d : plan.windows[0]) {
    for (const Window& h : plan.windows[1]) {
      for (const Window& w : plan.windows[2]) f(position++, d, h, w);
    }
  }
}

// Calls f(input position, element of the window) for what lies inside.
template <class F>
void forWindow(const Plan& plan, const Window& d, const Window& h, const Window& w, F&& f) {
  for (Index i = 0; i < d.count; i++) {
    for (Index j = 0; j < h.count; j++) {
      Index row = ((d.from + i * plan.dilation[0]) * plan.in[1] + h.from + j * plan.dilation[1]) * plan.in[2] + w.from;
      Index element = ((d.first + i) * plan.kernel[1] + h.first + j) * plan.kernel[2] + w.first;
      for (Index k = 0; k < w.count; k++) f(row + k * plan.dilation[2], element + k);
    }
  }
}

// The maximum of a window, and which of its elements it is where `state` wants that. A NaN stays.
template <int width, bool keepsState>
struct Greatest {
  Floats<width> value = Floats<width>{} - std::numeric_limits<float>::infinity();
  Ints<width> at{};

  void look(Floats<width> other, std::int32_t element) {
    auto isBetter = (other > value) | (other != other);
    value = isBetter ? other : value;
    if constexpr (keepsState) at = isBetter ? Ints<width>{} + element : at;
  }
};

// Windows of `size` × `size` in a plane, none of which reaches over the edge: the usual ones, without a loop inside.
template <int width, bool keepsState, int size>
void maxOfSquares(const Plan& plan, const float* x, const Window& h, const Window& w, Index position, float* y,
                  std::uint8_t* state) {
  Index lanes = plan.view.lanes;
  Greatest<width, keepsState> greatest;
  const float* corner = x + (h.from * plan.in[2] + w.from) * lanes;
  for (int j = 0; j < size; j++) {
    for (int k = 0; k < size; k++)
      greatest.look(load<Floats<width>>(corner + (j * plan.in[2] + k) * lanes), j * size + k);
  }
  store(y + position * lanes, greatest.value);
  if constexpr (keepsState) storeBytes<width>(state + position * lanes, greatest.at);
}

// Columns of an image that maxima are kept of, in the nearest cache.
constexpr Index mostColumns = 256;

// Of a plane, where nobody asks for positions: the greatest of each column of a row of windows, which neighbouring
// windows share, then of the columns of each window. A 3×3 window of stride 1 takes 6 comparisons instead of 9.
template <int width>
void maxOfColumns(const Plan& plan, const float* x, float* y) {
  Index lanes = plan.view.lanes;
  Floats<width> columns[mostColumns];
  for (const Window& h : plan.windows[1]) {
    for (Index column = 0; column < plan.in[2]; column++) {
      Greatest<width, false> greatest;
      for (Index j = 0; j < h.count; j++) {
        greatest.look(load<Floats<width>>(x + ((h.from + j * plan.dilation[1]) * plan.in[2] + column) * lanes), 0);
      }
      columns[column] = greatest.value;
    }
    for (const Window& w : plan.windows[2]) {
      Greatest<width, false> greatest;
      for (Index k = 0; k < w.count; k++) greatest.look(columns[w.from + k * plan.dilation[2]], 0);
      store(y, greatest.value);
      y += lanes;
    }
  }
}

template <int width, bool keepsState>
void maxRow(const Plan& plan, const float* x, float* y, std::uint8_t* state) {
  Index lanes = plan.view.lanes;
  if constexpr (!keepsState) {
    if (plan.in[0] == 1 && plan.kernel[0] == 1 && plan.kernel[2] > 2 && plan.in[2] <= mostColumns)
      return maxOfColumns<width>(plan, x, y);
  }
  bool isPlane =
      plan.kernel[0] == 1 && plan.kernel[1] == plan.kernel[2] && plan.dilation[1] == 1 && plan.dilation[2] == 1;
  Index square = isPlane && plan.in[0] == 1 ? plan.kernel[1] : 0;
  forOutputs(plan, [&](Index position, const Window& d, const Window& h, const Window& w) {
    if (h.count == square && w.count == square && (square == 2 || square == 3)) {
      return square == 2 ? maxOfSquares<width, keepsState, 2>(plan, x, h, w, position, y, state)
                         : maxOfSquares<width, keepsState, 3>(plan, x, h, w, position, y, state);
    }
    Greatest<width, keepsState> greatest;
    greatest.at += static_cast<std::int32_t>((d.first * plan.kernel[1] + h.first) * plan.kernel[2] + w.first);
    forWindow(plan, d, h, w, [&](Index from, Index element) {
      greatest.look(load<Floats<width>>(x + from * lanes), static_cast<std::int32_t>(element));
    });
    store(y + position * lanes, greatest.value);
    if constexpr (keepsState) storeBytes<width>(state + position * lanes, greatest.at);
  });
}

template <int width>
void maxBackwardRow(const Plan& plan, const float* dy, const std::uint8_t* state, float* dx) {
  Index lanes = plan.view.lanes;
  forOutputs(plan, [&](Index position, const Window& d, const Window& h, const Window& w) {
    auto gradient = load<Floats<width>>(dy + position * lanes);
    Ints<width> at = loadBytes<width>(state + position * lanes);
    if constexpr (width == 1) {
      Index element = at, k = element % plan.kernel[2], j = element / plan.kernel[2] % plan.kernel[1],
            i = element / plan.kernel[2] / plan.kernel[1];
      Index row = (d.from + (i - d.first) * plan.dilation[0]) * plan.in[1] + h.from + (j - h.first) * plan.dilation[1];
      dx[(row * plan.in[2] + w.from + (k - w.first) * plan.dilation[2]) * lanes] += gradient;
    } else {
      forWindow(plan, d, h, w, [&](Index to, Index element) {
        float* target = dx + to * lanes;
        auto isHere = at == Ints<width>{} + static_cast<std::int32_t>(element);
        store(target, load<Floats<width>>(target) + (isHere ? gradient : Floats<width>{}));
      });
    }
  });
}

template <int width>
void averageRow(const Plan& plan, const float* x, float* y) {
  Index lanes = plan.view.lanes;
  forOutputs(plan, [&](Index position, const Window& d, const Window& h, const Window& w) {
    Floats<width> sum{};
    forWindow(plan, d, h, w, [&](Index from, Index) { sum += load<Floats<width>>(x + from * lanes); });
    store(y + position * lanes, sum * plan.scale(d, h, w));
  });
}

template <int width>
void averageBackwardRow(const Plan& plan, const float* dy, float* dx) {
  Index lanes = plan.view.lanes;
  forOutputs(plan, [&](Index position, const Window& d, const Window& h, const Window& w) {
    Floats<width> gradient = load<Floats<width>>(dy + position * lanes) * plan.scale(d, h, w);
    forWindow(plan, d, h, w, [&](Index to, Index) {
      float* target = dx + to * lanes;
      store(target, load<Floats<width>>(target) + gradient);
    });
  });
}

// A plan has a window for each position of an axis; the reference loops compute those of longer ones as they go.
constexpr Index mostWindows = 1 << 18;

bool isSupported(const Signature& signature) {
  const TensorDesc& x = signature.inputs[0];
  for (const Dims* shape : {&x.shape, &signature.outputs[0].shape}) {
    if (std::any_of(shape->begin() + std::min(2, shape->size()), shape->end(),
                    [](Index size) { return size > mostWindows; }))
      return false;
  }
  return x.dtype == DType::float32 && x.rank() <= 5 && x.elements() > 0 && signature.outputs[0].elements() > 0;
}

// The layout in which an input is read: as it lies if it has channels side by side; else in blocks, which is worth a
// conversion (a plain window is read number by number) except for little work.
TensorDesc walkable(Engine& engine, TensorDesc desc) {
  auto view = engine.view(desc);
  if (view && (view->lanes > 1 || view->positions == 1)) return desc;
  desc.layout = {};
  if (engine.convolutionLanes > 1 && desc.elements() > 2048)
    desc.layout = engine.layoutWithLanes(desc.shape, engine.convolutionLanes);
  return desc;
}

KernelPtr averageKernel(const Signature& signature, Engine& engine, Plan plan, const TensorDesc& x) {
  auto run = [plan](const Run& run) {
    parallelRows(plan.rows(), plan.rowElements(), [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        const float* x = run.in<float>(0) + row * plan.inPositions() * plan.view.lanes;
        float* y = run.out<float>(0) + row * plan.outPositions() * plan.view.lanes;
        forLanes(plan.view.lanes, [&](auto width, Index lane) { averageRow<width()>(plan, x + lane, y + lane); });
      }
    });
  };
  auto kernel = makeKernel(signature, std::move(run));
  kernel->inputLayouts = {x.layout};
  kernel->outputs[0].layout = engine.layoutWithLanes(signature.outputs[0].shape, plan.view.lanes);
  return kernel;
}

// `plan.view` is that of dx.
KernelPtr averageBackwardKernel(const Signature& signature, Engine& engine, Plan plan, const Dims& dyShape) {
  auto run = [plan](const Run& run) {
    parallelRows(plan.rows(), plan.rowElements(), [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        const float* dy = run.in<float>(0) + row * plan.outPositions() * plan.view.lanes;
        Index count = plan.inPositions() * plan.view.lanes;
        float* dx = run.out<float>(0) + row * count;
        std::memset(dx, 0, static_cast<std::size_t>(count) * sizeof(float));
        forLanes(plan.view.lanes,
                 [&](auto width, Index lane) { averageBackwardRow<width()>(plan, dy + lane, dx + lane); });
      }
    });
  };
  auto kernel = makeKernel(signature, std::move(run));
  kernel->inputLayouts = {engine.layoutWithLanes(dyShape, plan.view.lanes)};
  kernel->outputs[0].layout = engine.layoutWithLanes(signature.outputs[0].shape, plan.view.lanes);
  return kernel;
}

// The lanes that dx should have: dy's, or where dy has one position only and tells nothing, what convolutions like.
ChannelView gradientView(Engine& engine, const TensorDesc& dy, const TensorDesc& dx) {
  auto view = engine.view(walkable(engine, dy));
  TensorDesc result = dx;
  result.layout =
      view->positions == 1 ? engine.preferredLayout(dx.shape) : engine.layoutWithLanes(dx.shape, view->lanes);
  ChannelView chosen = *engine.view(result);
  if (view->positions > 1) chosen.lanes = view->lanes, chosen.blocks = view->blocks;
  return chosen;
}

}  // namespace

KernelPtr prepare(const MaxPool& op, const Signature& signature, Engine& engine) {
  // The state is the element of its window that each maximum came from, in a byte.
  if (!isSupported(signature) || op.returnIndices || op.kernelSize.product() > 255) return nullptr;
  TensorDesc x = walkable(engine, signature.inputs[0]);
  Plan plan = fixedPlan(op, op.dilation, *engine.view(x), x.shape, signature.outputs[0].shape);
  if (plan.hasEmptyWindow()) return nullptr;
  auto run = [plan](const Run& run) {
    parallelRows(plan.rows(), plan.rowElements(), [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        const float* x = run.in<float>(0) + row * plan.inPositions() * plan.view.lanes;
        Index target = row * plan.outPositions() * plan.view.lanes;
        float* y = run.out<float>(0) + target;
        std::uint8_t* state = run.out<std::uint8_t>(1);
        forLanes(plan.view.lanes, [&](auto width, Index lane) {
          if (state) {
            maxRow<width(), true>(plan, x + lane, y + lane, state + target + lane);
          } else {
            maxRow<width(), false>(plan, x + lane, y + lane, nullptr);
          }
        });
      }
    });
  };
  auto kernel = makeKernel(signature, std::move(run));
  Layout layout = engine.layoutWithLanes(signature.outputs[0].shape, plan.view.lanes);
  kernel->inputLayouts = {x.layout};
  kernel->outputs[0].layout = layout;
  kernel->outputs[1] = TensorDesc(DType::uint8, signature.outputs[0].shape, layout);
  kernel->optionalOutputs = {1};
  return kernel;
}

KernelPtr prepare(const MaxPoolBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc &dy = signature.inputs[0], &state = signature.inputs[1], &dx = signature.outputs[0];
  if (!isSupported(signature) || state.dtype != DType::uint8) return nullptr;
  ChannelView view = gradientView(engine, state, dx);
  Plan plan = fixedPlan(op, op.dilation, view, dx.shape, dy.shape);
  auto run = [plan](const Run& run) {
    parallelRows(plan.rows(), plan.rowElements(), [&](Index from, Index to) {
      for (Index row = from; row < to; row++) {
        Index source = row * plan.outPositions() * plan.view.lanes, count = plan.inPositions() * plan.view.lanes;
        float* dx = run.out<float>(0) + row * count;
        std::memset(dx, 0, static_cast<std::size_t>(count) * sizeof(float));
        forLanes(plan.view.lanes, [&](auto width, Index lane) {
          maxBackwardRow<width()>(plan, run.in<float>(0) + source + lane, run.in<std::uint8_t>(1) + source + lane,
                                  dx + lane);
        });
      }
    });
  };
  auto kernel = makeKernel(signature, std::move(run));
  Layout layout = engine.layoutWithLanes(dy.shape, view.lanes);
  kernel->inputLayouts = {layout, layout};
  kernel->outputs[0].layout = engine.layoutWithLanes(dx.shape, view.lanes);
  return kernel;
}

KernelPtr prepare(const AvgPool& op, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  TensorDesc x = walkable(engine, signature.inputs[0]);
  Plan plan =
      fixedPlan(op, Dims::filled(op.kernelSize.size(), 1), *engine.view(x), x.shape, signature.outputs[0].shape);
  if (plan.hasEmptyWindow()) return nullptr;
  plan.divisor = op.divisor;
  plan.countsPadding = op.countIncludePad;
  return averageKernel(signature, engine, std::move(plan), x);
}

KernelPtr prepare(const AvgPoolBackward& op, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  const TensorDesc &dy = signature.inputs[0], &dx = signature.outputs[0];
  Plan plan = fixedPlan(op, Dims::filled(op.kernelSize.size(), 1), gradientView(engine, dy, dx), dx.shape, dy.shape);
  if (plan.hasEmptyWindow()) return nullptr;
  plan.divisor = op.divisor;
  plan.countsPadding = op.countIncludePad;
  return averageBackwardKernel(signature, engine, std::move(plan), dy.shape);
}

KernelPtr prepare(const AdaptiveAvgPool&, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  TensorDesc x = walkable(engine, signature.inputs[0]);
  return averageKernel(signature, engine, adaptivePlan(*engine.view(x), x.shape, signature.outputs[0].shape), x);
}

KernelPtr prepare(const AdaptiveAvgPoolBackward&, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  const TensorDesc &dy = signature.inputs[0], &dx = signature.outputs[0];
  return averageBackwardKernel(signature, engine, adaptivePlan(gradientView(engine, dy, dx), dx.shape, dy.shape),
                               dy.shape);
}

}  // namespace cnn::cpu

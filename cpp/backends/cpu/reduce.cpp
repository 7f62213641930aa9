// Sums, means, greatest, least and variances of float32 tensors. Every case is one loop nest over
// [batch][blocks][positions][lanes]: positions and batch are reduced, blocks and lanes stay.
#include <cmath>
#include <limits>

#include "channels.hpp"
#include "kernels.hpp"

namespace cnn::cpu {

namespace {

struct Sum {
  static constexpr float start = 0;
  static float combine(float held, float next) { return held + next; }
};
struct Max {
  static constexpr float start = -std::numeric_limits<float>::infinity();
  static float combine(float held, float next) { return (next > held) | (next != next) ? next : held; }
};
struct Min {
  static constexpr float start = std::numeric_limits<float>::infinity();
  static float combine(float held, float next) { return (next < held) | (next != next) ? next : held; }
};

// Numbers that one lane takes in before its partial result is put aside: few enough for float32.
constexpr Index segmentElements = 1024;

// The reduction of `count` numbers that lie side by side.
template <class F>
float reduceRow(const float* x, Index count) {
  constexpr int width = 32;
  float held[width];
  for (float& each : held) each = F::start;
  Index i = 0;
  for (; i + width <= count; i += width) {
#pragma omp simd
    for (int l = 0; l < width; l++) held[l] = F::combine(held[l], x[i + l]);
  }
  for (int l = 0; i < count; i++, l++) held[l] = F::combine(held[l], x[i]);
  for (int step = width / 2; step > 0; step /= 2) {
    for (int l = 0; l < step; l++) held[l] = F::combine(held[l], held[l + step]);
  }
  return held[0];
}

struct Plan {
  ChannelView view;
  Index segments = 1;  // of the positions
  Index perSegment = 1;
  Index partials() const { return view.batch * segments; }
  Index kept() const { return view.blocks * view.lanes; }
};

Plan makePlan(const ChannelView& view) {
  // One lane alone is summed in 32 strands, so it can take in more.
  Index most = segmentElements * (view.lanes == 1 ? 16 : 1);
  Index segments = (view.positions + most - 1) / most;
  return {view, segments, (view.positions + segments - 1) / segments};
}

// partial [batch][segments][blocks][lanes]
template <class F>
void reducePartials(const Plan& plan, const float* x, float* partial) {
  const ChannelView& view = plan.view;
  parallelRows(view.batch * plan.segments * view.blocks, plan.perSegment * view.lanes, [&](Index from, Index to) {
    for (Index i = from; i < to; i++) {
      Index block = i % view.blocks, segment = i / view.blocks % plan.segments, n = i / view.blocks / plan.segments;
      Index begin = segment * plan.perSegment, count = std::min(plan.perSegment, view.positions - begin);
      const float* source = x + ((n * view.blocks + block) * view.positions + begin) * view.lanes;
      float* target = partial + i * view.lanes;
      if (view.lanes == 1) {
        *target = reduceRow<F>(source, count);
        continue;
      }
      forLanes(view.lanes, [&](auto width, Index lane) {
        constexpr int w = width();
        float held[w];
        for (float& each : held) each = F::start;
        for (Index p = 0; p < count; p++) {
#pragma omp simd
          for (int l = 0; l < w; l++) held[l] = F::combine(held[l], source[p * view.lanes + lane + l]);
        }
        for (int l = 0; l < w; l++) target[lane + l] = held[l];
      });
    }
  });
}

template <class F>
KernelPtr makeReduce(const Signature& signature, const Plan& plan, double scale) {
  bool isDirect = plan.partials() == 1 && scale == 1 && !plan.view.isPadded();
  std::size_t workspace = isDirect ? 0 : static_cast<std::size_t>(plan.partials() * plan.kept()) * sizeof(float);
  return makeKernel(
      signature,
      [plan, scale, isDirect](const Run& run) {
        float* y = run.out<float>(0);
        if (isDirect) return reducePartials<F>(plan, run.in<float>(0), y);
        auto* partial = static_cast<float*>(run.workspace);
        reducePartials<F>(plan, run.in<float>(0), partial);
        for (Index c = 0; c < plan.view.channels; c++) {
          if constexpr (std::is_same_v<F, Sum>) {
            double sum = 0;
            for (Index i = 0; i < plan.partials(); i++) sum += static_cast<double>(partial[i * plan.kept() + c]);
            y[c] = static_cast<float>(sum * scale);
          } else {
            float held = F::start;
            for (Index i = 0; i < plan.partials(); i++) held = F::combine(held, partial[i * plan.kept() + c]);
            y[c] = held;
          }
        }
      },
      workspace);
}

// The loop nest of a plain reduction, or nothing where the reduced axes are scattered more than it can say.
std::optional<ChannelView> plainView(const Dims& shape, const Dims& axes) {
  // Runs of neighbouring axes that are reduced or kept: at most (reduced) kept reduced kept.
  Index sizes[4] = {1, 1, 1, 1};
  int at = 0;
  for (int axis = 0; axis < shape.size(); axis++) {
    if (shape[axis] == 1) continue;
    bool isReduced = axes.empty() || axes.contains(axis);
    while (at < 4 && (at % 2 == 0) != isReduced) at++;
    if (at == 4) return std::nullopt;
    sizes[at] *= shape[axis];
  }
  ChannelView view{sizes[0], sizes[1], sizes[2], sizes[3], sizes[1] * sizes[3]};
  // [reduced] alone, and [reduced, kept], are walked as positions.
  if (view.blocks == 1 && view.positions == 1) std::swap(view.batch, view.positions);
  if (view.blocks > 1 && view.positions == 1 && view.lanes == 1) {
    view.lanes = view.blocks;
    view.blocks = 1;
    std::swap(view.batch, view.positions);
  }
  return view;
}

// How x is walked, and in which layout; nothing where its axes are scattered. `addsPadding`: zeros in padded lanes do
// no harm.
struct Walked {
  ChannelView view;
  Layout layout;
};
std::optional<Walked> walkOf(Engine& engine, const TensorDesc& x, const Dims& axes, bool addsPadding) {
  if (!x.layout.isPlain()) {
    auto own = engine.view(x);
    bool keepsChannels = !axes.empty() && axes.size() == x.rank() - 1 && !axes.contains(1);
    if (own && keepsChannels) return Walked{*own, x.layout};
    if (own && axes.empty() && (addsPadding || !own->isPadded()))
      return Walked{ChannelView{1, 1, own->elements(), 1, 1}, x.layout};
  }
  auto view = plainView(x.shape, axes);
  return view ? std::optional(Walked{*view, Layout{}}) : std::nullopt;
}

// Σ (x − shift) or its square for each kept element, in double: partial [batch][segments][blocks][lanes], shift
// [blocks][lanes] or none.
template <bool squares>
void sumDeviations(const Plan& plan, const float* x, const double* shift, double* partial) {
  const ChannelView& view = plan.view;
  parallelRows(view.batch * plan.segments * view.blocks, 2 * plan.perSegment * view.lanes, [&](Index from, Index to) {
    for (Index i = from; i < to; i++) {
      Index block = i % view.blocks, segment = i / view.blocks % plan.segments, n = i / view.blocks / plan.segments;
      Index begin = segment * plan.perSegment, count = std::min(plan.perSegment, view.positions - begin);
      const float* source = x + ((n * view.blocks + block) * view.positions + begin) * view.lanes;
      forLanes(view.lanes, [&](auto width, Index lane) {
        constexpr int w = width();
        double held[w] = {}, origin[w] = {};
        for (int l = 0; l < w && shift; l++) origin[l] = shift[block * view.lanes + lane + l];
        if constexpr (w == 1) {
          double sum = 0;
#pragma omp simd reduction(+ : sum)
          for (Index p = 0; p < count; p++) {
            double each = static_cast<double>(source[p * view.lanes + lane]) - origin[0];
            sum += squares ? each * each : each;
          }
          held[0] = sum;
        } else {
          for (Index p = 0; p < count; p++) {
#pragma omp simd
            for (int l = 0; l < w; l++) {
              double each = static_cast<double>(source[p * view.lanes + lane + l]) - origin[l];
              held[l] += squares ? each * each : each;
            }
          }
        }
        for (int l = 0; l < w; l++) partial[i * view.lanes + lane + l] = held[l];
      });
    }
  });
}

}  // namespace

KernelPtr prepare(const Reduce& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  if (x.dtype != DType::float32 || x.elements() == 0 || op.function == ReduceFunction::prod) return nullptr;
  bool adds = op.function == ReduceFunction::sum || op.function == ReduceFunction::mean;
  auto walked = walkOf(engine, x, op.axes, adds);
  if (!walked) return nullptr;
  Index reduced = x.elements() / signature.outputs[0].elements();
  double scale = op.function == ReduceFunction::mean ? 1 / static_cast<double>(reduced) : 1;
  Plan plan = makePlan(walked->view);
  KernelPtr made = adds                                 ? makeReduce<Sum>(signature, plan, scale)
                   : op.function == ReduceFunction::max ? makeReduce<Max>(signature, plan, scale)
                                                        : makeReduce<Min>(signature, plan, scale);
  std::const_pointer_cast<Kernel>(made)->inputLayouts = {walked->layout};
  return made;
}

KernelPtr prepare(const Variance& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  if (x.dtype != DType::float32 || x.elements() == 0) return nullptr;
  auto walked = walkOf(engine, x, op.axes, false);
  if (!walked) return nullptr;
  Plan plan = makePlan(walked->view);
  const auto count = static_cast<double>(x.elements() / signature.outputs[1].elements());
  const double freedom = std::max(0.0, count - op.correction);
  std::size_t workspace = static_cast<std::size_t>((plan.partials() + 1) * plan.kept()) * sizeof(double);
  auto kernel = makeKernel(
      signature,
      [plan, count, freedom, root = op.root](const Run& run) {
        const float* x = run.in<float>(0);
        float *y = run.out<float>(0), *means = run.out<float>(1);
        auto* shift = static_cast<double*>(run.workspace);
        double* partial = shift + plan.kept();
        auto total = [&](Index c) {
          double sum = 0;
          for (Index i = 0; i < plan.partials(); i++) sum += partial[i * plan.kept() + c];
          return sum;
        };
        sumDeviations<false>(plan, x, nullptr, partial);
        for (Index c = 0; c < plan.kept(); c++) shift[c] = total(c) / count;
        sumDeviations<true>(plan, x, shift, partial);
        for (Index c = 0; c < plan.view.channels; c++) {
          double variance = total(c) / freedom;
          y[c] = static_cast<float>(root ? std::sqrt(variance) : variance);
          means[c] = static_cast<float>(shift[c]);
        }
      },
      workspace);
  kernel->inputLayouts = {walked->layout};
  return kernel;
}

}  // namespace cnn::cpu

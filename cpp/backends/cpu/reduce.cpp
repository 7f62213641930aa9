// Sums, means, greatest and least of float32 tensors. Every case is one loop nest over [batch][blocks][positions][lanes]:
// positions and batch are reduced, blocks and lanes stay.
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
  return makeKernel(signature, [plan, scale, isDirect](const Run& run) {
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
  }, workspace);
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

}  // namespace

KernelPtr prepare(const Reduce& op, const Signature& signature, Engine& engine) {
  TensorDesc x = signature.inputs[0];
  if (x.dtype != DType::float32 || x.elements() == 0 || op.function == ReduceFunction::prod) return nullptr;
  bool adds = op.function == ReduceFunction::sum || op.function == ReduceFunction::mean;
  std::optional<ChannelView> view;
  if (!x.layout.isPlain()) {
    auto own = engine.view(x);
    bool keepsChannels = !op.axes.empty() && op.axes.size() == x.rank() - 1 && !op.axes.contains(1);
    if (own && keepsChannels) {
      view = own;
    } else if (own && op.axes.empty() && (adds || !own->isPadded())) {
      view = ChannelView{1, 1, own->elements(), 1, 1};  // the padding adds nothing
    }
    if (!view) x.layout = {};
  }
  if (!view) view = plainView(x.shape, op.axes);
  if (!view) return nullptr;
  Index reduced = x.elements() / signature.outputs[0].elements();
  double scale = op.function == ReduceFunction::mean ? 1 / static_cast<double>(reduced) : 1;
  Plan plan = makePlan(*view);
  KernelPtr made = adds ? makeReduce<Sum>(signature, plan, scale)
                        : op.function == ReduceFunction::max ? makeReduce<Max>(signature, plan, scale) : makeReduce<Min>(signature, plan, scale);
  std::const_pointer_cast<Kernel>(made)->inputLayouts = {x.layout};
  return made;
}

}  // namespace cnn::cpu

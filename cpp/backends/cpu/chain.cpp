// Chains of element-wise ops: memory is read and written once, while blocks that stay in the first-level cache go
// through all links, a vector loop each. The functions are those of the ops by themselves, so the results are too.
#include "blocks.hpp"
#include "channels.hpp"
#include "functions.hpp"
#include "kernels.hpp"
#include "sweep.hpp"

namespace cnn::cpu {

namespace {

// to[i] = the link's function of from[i] and other[i]; a call a block, so that it need not be inlined.
using Loop = std::function<void(const float* from, const Blocks::Piece& other, float* to, Index count)>;

template <class F>
Loop loopOfOne(F f) {
  return [f](const float* from, const Blocks::Piece&, float* to, Index count) {
#pragma omp simd
    for (Index i = 0; i < count; i++) to[i] = f(from[i]);
  };
}

template <class F>
Loop loopOfTwo(F f) {
  return [f](const float* from, const Blocks::Piece& other, float* to, Index count) {
    const float* second = other.at;
    if (other.steps) {
#pragma omp simd
      for (Index i = 0; i < count; i++) to[i] = f(from[i], second[i]);
    } else {
      const float value = *second;
#pragma omp simd
      for (Index i = 0; i < count; i++) to[i] = f(from[i], value);
    }
  };
}

// Nothing where a function has no vector code.
Loop loopOf(const ChainLink& link) {
  switch (link.kind) {
    case LinkKind::unary: return withFunction<Loop>(link.function(), [](auto f) -> Loop { return loopOfOne(f); });
    case LinkKind::backward:
      if (link.input == ChainLink::noInput) {
        return withGradient<Loop>(link.gradient(),
                                  [](auto g) -> Loop { return loopOfOne([g](float dy) { return g(dy, 0.0f); }); });
      }
      return withGradient<Loop>(link.gradient(), [](auto g) -> Loop { return loopOfTwo(g); });
    case LinkKind::binary:
      return withFunction<Loop>(Binary{.function = link.binary}, [](auto f) -> Loop { return loopOfTwo(f); });
    case LinkKind::swapped:
      return withFunction<Loop>(Binary{.function = link.binary}, [](auto f) -> Loop {
        return loopOfTwo([f](float v, float other) { return f(other, v); });
      });
  }
  return {};
}

// As weightOf, of a link.
Index workOf(const ChainLink& link) {
  bool isUnary = link.kind == LinkKind::unary || link.kind == LinkKind::backward;
  return isUnary ? weightOf(link.unary) : weightOf(link.binary);
}

// A number for each channel (of each sample, a row) that is copied to where the padded lanes have one too: zero.
struct Widened {
  std::size_t input, offset;  // in the workspace, in floats
  Index rows, channels, lanes;

  Index elements() const { return rows * lanes; }
  void copy(const float* from, float* to) const {
    for (Index row = 0; row < rows; row++) {
      std::copy_n(from + row * channels, channels, to + row * lanes);
      std::fill_n(to + row * lanes + channels, lanes - channels, 0.0f);
    }
  }
};

// How a chain walks its inputs, and in which layouts.
struct ChainPlan {
  Blocks blocks;
  std::vector<Layout> layouts;
  TensorDesc output;
  std::vector<Widened> widened;
};

// The plan in a layout that is not plain, if every input can be walked with it: inputs of the same shape, single
// numbers, and a number for each channel or for each position (of each sample).
std::optional<ChainPlan> planIn(Layout layout, Engine& engine, std::span<const TensorDesc> inputs, TensorDesc output) {
  output.layout = layout;
  auto view = engine.view(output);
  if (!view) return std::nullopt;
  Dims sizes{view->batch, view->blocks, view->positions, view->lanes};
  std::vector<Dims> strides;
  std::vector<Layout> layouts;
  std::vector<Widened> widened;
  std::size_t offset = 0;
  for (const TensorDesc& input : inputs) {
    layouts.push_back(input.shape == output.shape ? layout : Layout{});
    Dims shape = input.shape;
    while (shape.size() < output.rank()) shape.insert(0, 1);
    bool isOfChannels = shape[1] == view->channels && shape.slice(2).product() == 1;
    bool isOfPositions = shape[1] == 1 && shape.slice(2) == output.shape.slice(2);
    if (input.shape == output.shape) {
      strides.push_back(stridesOf(sizes));
    } else if (input.elements() == 1) {
      strides.push_back(Dims::filled(4, 0));
    } else if (isOfChannels) {
      Index lanes = view->blocks * view->lanes;
      strides.push_back({shape[0] == 1 ? 0 : lanes, view->lanes, 0, 1});
      if (!view->isPadded()) continue;
      widened.push_back({layouts.size() - 1, offset, shape[0], view->channels, lanes});
      offset += static_cast<std::size_t>(widened.back().elements());
    } else if (isOfPositions) {
      strides.push_back({shape[0] == 1 ? 0 : view->positions, 0, 1, 0});
    } else {
      return std::nullopt;
    }
  }
  return ChainPlan{Blocks(sizes, strides), layouts, output, widened};
}

ChainPlan planChain(const ElementwiseChain& op, Engine& engine, std::span<const TensorDesc> inputs,
                    const TensorDesc& output) {
  // The gradient goes to what made the value: its layout is worth more than that of dy.
  std::vector<TensorDesc> candidates;
  for (const ChainLink& link : op.links) {
    if (link.kind == LinkKind::backward && link.input >= 0)
      candidates.push_back(inputs[static_cast<std::size_t>(link.input)]);
  }
  candidates.insert(candidates.end(), inputs.begin(), inputs.end());
  for (const TensorDesc& candidate : candidates) {
    if (candidate.layout.isPlain() || candidate.shape != output.shape) continue;
    if (auto plan = planIn(candidate.layout, engine, inputs, output)) return *plan;
  }
  std::vector<Dims> strides;
  for (const TensorDesc& input : inputs) strides.push_back(broadcastStrides(input.shape, output.shape));
  return {
      Blocks(output.shape, strides), std::vector<Layout>(inputs.size()), TensorDesc(output.dtype, output.shape), {}};
}

using Pointers = std::array<const float*, 1 + ChainLinks::capacity>;

// One thread's part of the output, block by block. y may lie where an input of its shape lay: a block is read before it
// is written.
void runChain(const Blocks& blocks, const ChainLinks& links, const std::vector<Loop>& loops, const Pointers& inputs,
              float* y, Index from, Index to) {
  alignas(64) float values[Blocks::most], spread[Blocks::most];
  for (Index at = from, count; at < to; at += count) {
    count = blocks.lengthAt(at, to);
    const float* value = inputs[0] + at;
    for (int i = 0; i < links.size(); i++) {
      Blocks::Piece other{};
      if (links[i].input >= 0) {
        auto input = static_cast<std::size_t>(links[i].input);
        other = blocks.piece(input, inputs[input], at, count, spread);
      }
      float* target = i + 1 < links.size() ? values : y + at;
      loops[static_cast<std::size_t>(i)](value, other, target, count);
      value = target;
    }
  }
}

}  // namespace

KernelPtr prepare(const ElementwiseChain& op, const Signature& signature, Engine& engine) {
  if (signature.inputs[0].dtype != DType::float32 || signature.outputs[0].elements() == 0) return nullptr;
  std::vector<Loop> loops;
  Index weight = 0;
  for (const ChainLink& link : op.links) {
    loops.push_back(loopOf(link));
    weight += workOf(link);
    if (!loops.back()) return nullptr;
  }
  ChainPlan plan = planChain(op, engine, signature.inputs, signature.outputs[0]);
  std::size_t workspace = 0;
  for (const Widened& each : plan.widened) workspace += static_cast<std::size_t>(each.elements()) * sizeof(float);
  auto padded = engine.paddedView(plan.output);
  auto function = [links = op.links, loops = std::move(loops), plan, padded,
                   grain = grainElements / weight](const Run& run) {
    Pointers inputs{};
    for (std::size_t i = 0; i < run.inputs.size(); i++) inputs[i] = run.in<float>(static_cast<int>(i));
    for (const Widened& each : plan.widened) {
      float* to = static_cast<float*>(run.workspace) + each.offset;
      each.copy(inputs[each.input], to);
      inputs[each.input] = to;
    }
    float* y = run.out<float>(0);
    parallelFor(plan.blocks.elements(), grain,
                [&](Index from, Index to) { runChain(plan.blocks, links, loops, inputs, y, from, to); });
    if (padded) zeroPadding(*padded, y);
  };
  auto kernel = makeKernel(signature, std::move(function), workspace);
  kernel->inputLayouts = plan.layouts;
  kernel->inPlace = op.inputsRead();
  kernel->outputs = {plan.output};
  return kernel;
}

}  // namespace cnn::cpu

// Each tap of the filter has a vector of output channels as its running sum, in registers for a whole image: one read
// of dy serves them all, and the inputs are single numbers, so no input channel is padded.
#include "conv_few_inputs.hpp"

#include <algorithm>

#include "parallel.hpp"
#include "winograd_tiles.hpp"

namespace cnn::cpu {

namespace {

using winograd::lanes;
using winograd::Vector;

// Sums that a pass keeps, beside a vector of dy.
constexpr int mostSums = lanes == 16 ? 28 : 12;

struct Sizes {
  Index samples, inputs, outputs, height, width, outHeight, outWidth, rowStride, columnStride, top, left, filter;
  Index blocks() const { return (outputs + lanes - 1) / lanes; }
  Index taps() const { return filter * filter; }
  // Of an image with its padding, as far as the filter reaches.
  Index paddedHeight() const { return std::max(height + top, (outHeight - 1) * rowStride + filter); }
  Index paddedWidth() const { return std::max(width + left, (outWidth - 1) * columnStride + filter); }
  bool isPadded() const { return paddedHeight() != height || paddedWidth() != width; }
  Index imageElements() const { return isPadded() ? inputs * paddedHeight() * paddedWidth() : 0; }
  Index sumElements() const {
    return blocks() * (inputs * taps() + 1) * lanes;
  }  // [block][input][tap][lane], then [block][lane] of the bias
  Index partElements() const { return (imageElements() + lanes - 1) / lanes * lanes + sumElements(); }
};

// sums[row][column] += Σ over positions dy · x, `rows` rows of the filter at once.
template <int rows, int columns>
void addRows(const Sizes& sizes, const float* x, const float* dy, float* sums) {
  Vector added[rows][columns] = {};
  const Index step = sizes.paddedWidth();
  for (Index row = 0; row < sizes.outHeight; row++) {
    const float* from = x + row * sizes.rowStride * step;
    for (Index column = 0; column < sizes.outWidth; column++, dy += lanes, from += sizes.columnStride) {
      const auto gradient = load<Vector>(dy);
#pragma GCC unroll 28
      for (int r = 0; r < rows; r++) {
#pragma GCC unroll 28
        for (int c = 0; c < columns; c++) added[r][c] += from[r * step + c] * gradient;
      }
    }
  }
#pragma GCC unroll 28
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 28
    for (int c = 0; c < columns; c++) {
      float* to = sums + (r * columns + c) * lanes;
      store(to, load<Vector>(to) + added[r][c]);
    }
  }
}

// All taps of one input channel and one block of output channels.
template <int filter>
void addTaps(const Sizes& sizes, const float* x, const float* dy, float* sums) {
  constexpr int rows = std::clamp(mostSums / filter, 1, filter), rest = filter % rows;
  const Index step = sizes.paddedWidth();
  int row = 0;
  for (; row + rows <= filter; row += rows)
    addRows<rows, filter>(sizes, x + row * step, dy, sums + row * filter * lanes);
  if constexpr (rest > 0) addRows<rest, filter>(sizes, x + row * step, dy, sums + row * filter * lanes);
}

void addBias(const Sizes& sizes, const float* dy, float* sums) {
  Vector added = {};
  for (Index i = 0; i < sizes.outHeight * sizes.outWidth; i++) added += load<Vector>(dy + i * lanes);
  store(sums, load<Vector>(sums) + added);
}

// What a thread does: some samples, or, where there are fewer samples than threads, some input channels of all.
struct Share {
  Index firstSample, endSample, firstInput, endInput;
};

template <int filter>
void runShare(const Sizes& sizes, const Share& share, const float* x, const float* dy, float* memory) {
  const Index plane = sizes.height * sizes.width, paddedPlane = sizes.paddedHeight() * sizes.paddedWidth();
  const Index outPlane = sizes.outHeight * sizes.outWidth * lanes;
  float *image = memory, *sums = memory + sizes.partElements() - sizes.sumElements(),
        *bias = sums + sizes.blocks() * sizes.inputs * sizes.taps() * lanes;
  std::fill_n(memory, sizes.partElements(), 0.0f);
  for (Index sample = share.firstSample; sample < share.endSample; sample++) {
    const float* own = x + sample * sizes.inputs * plane;
    if (sizes.isPadded()) {
      for (Index row = 0; row < (share.endInput - share.firstInput) * sizes.height; row++) {
        const Index input = share.firstInput + row / sizes.height, at = row % sizes.height;
        std::copy_n(own + input * plane + at * sizes.width, sizes.width,
                    image + input * paddedPlane + (sizes.top + at) * sizes.paddedWidth() + sizes.left);
      }
      own = image;
    }
    for (Index block = 0; block < sizes.blocks(); block++) {
      const float* gradient = dy + (sample * sizes.blocks() + block) * outPlane;
      for (Index input = share.firstInput; input < share.endInput; input++) {
        addTaps<filter>(sizes, own + input * paddedPlane, gradient,
                        sums + (block * sizes.inputs + input) * sizes.taps() * lanes);
      }
      if (share.firstInput == 0) addBias(sizes, gradient, bias + block * lanes);
    }
  }
}

using RunShare = void (*)(const Sizes&, const Share&, const float*, const float*, float*);
RunShare runShareFor(Index filter) {
  return filter == 3 ? runShare<3> : filter == 5 ? runShare<5> : filter == 7 ? runShare<7> : nullptr;
}

std::vector<Share> sharesOf(const Sizes& sizes, Index threads) {
  std::vector<Share> shares;
  const bool bySample = sizes.samples >= threads;
  const Index parts = bySample ? threads : std::min(threads, sizes.inputs);
  for (Index part = 0; part < parts; part++) {
    shares.push_back(bySample
                         ? Share{sizes.samples * part / parts, sizes.samples * (part + 1) / parts, 0, sizes.inputs}
                         : Share{0, sizes.samples, sizes.inputs * part / parts, sizes.inputs * (part + 1) / parts});
  }
  return shares;
}

// The sums of all shares → dw [outputs, inputs, taps] and the gradient of the bias, if it is wanted.
void finish(const Sizes& sizes, std::size_t shares, const float* memory, float* dw, float* dbias) {
  const Index step = sizes.partElements(), sumsAt = step - sizes.sumElements(), taps = sizes.taps();
  auto sumOf = [&](Index at) {
    float sum = 0;
    for (std::size_t share = 0; share < shares; share++) sum += memory[static_cast<Index>(share) * step + sumsAt + at];
    return sum;
  };
  for (Index output = 0; output < sizes.outputs; output++) {
    const Index block = output / lanes, lane = output % lanes;
    for (Index tap = 0; tap < sizes.inputs * taps; tap++)
      dw[output * sizes.inputs * taps + tap] = sumOf((block * sizes.inputs * taps + tap) * lanes + lane);
    if (dbias) dbias[output] = sumOf((sizes.blocks() * sizes.inputs * taps + block) * lanes + lane);
  }
}

// Whether oneDNN has no better way: it reads plain images of three channels itself, and those of one with AVX-512
// alone.
bool applies(const Geometry& g) {
  if (g.dtype != DType::float32 || g.groups != 1 || g.stride.size() != 2 || g.dilation != Geometry::Spatial{0, 0} ||
      g.low[0] < 0 || g.low[1] < 0)
    return false;
  const bool readsPlain = g.x[1] == 3 || (g.x[1] == 1 && lanes == 16);
  return g.x[1] < lanes && !readsPlain && g.weight[2] == g.weight[3] && runShareFor(g.weight[2]) != nullptr;
}

}  // namespace

KernelPtr prepareFewInputs(const ConvBackwardWeight& op, const Geometry& g, const Signature& signature,
                           Engine& engine) {
  if (!applies(g)) return nullptr;
  const Sizes sizes{g.x[0], g.x[1],      g.y[1],      g.x[2],   g.x[3],   g.y[2],
                    g.y[3], g.stride[0], g.stride[1], g.low[0], g.low[1], g.weight[2]};
  const std::vector<Share> shares = sharesOf(sizes, engine.threadsFor(g.work()));
  const auto partBytes = static_cast<std::size_t>(sizes.partElements()) * sizeof(float);
  auto kernel = makeKernel(
      signature,
      [sizes, shares, bias = op.bias, runShare = runShareFor(sizes.filter)](const Run& run) {
        auto* memory = static_cast<float*>(run.workspace);
        const auto count = static_cast<Index>(shares.size());
        parallelFor(count, 1, [&](Index from, Index to) {
          for (Index i = from; i < to; i++) {
            runShare(sizes, shares[static_cast<std::size_t>(i)], run.in<float>(0), run.in<float>(1),
                     memory + i * sizes.partElements());
          }
        });
        finish(sizes, shares.size(), memory, run.out<float>(0), bias ? run.out<float>(1) : nullptr);
      },
      shares.size() * partBytes);
  kernel->inputLayouts = {Layout{}, engine.layoutWithLanes(g.y, lanes)};
  return kernel;
}

}  // namespace cnn::cpu

// Passes, bands and the copies with padding.
#include "conv_bands.hpp"

#include <algorithm>

namespace cnn::cpu {

Index AxisPass::least() const { return offsets.empty() ? 0 : *std::min_element(offsets.begin(), offsets.end()); }
Index AxisPass::reach() const {
  return offsets.empty() ? 0 : *std::max_element(offsets.begin(), offsets.end()) - least() + 1;
}

Index ConvPasses::count() const { return static_cast<Index>(axes[0].size() * axes[1].size() * axes[2].size()); }

Pass ConvPasses::pass(Index number) const {
  Pass pass;
  for (std::size_t axis = 3; axis-- > 0;) {
    const auto size = static_cast<Index>(axes[axis].size());
    pass[axis] = axes[axis][static_cast<std::size_t>(number % size)];
    number /= size;
  }
  return pass;
}

namespace {

// Calls f(axis, in, out, kernel, stride, dilation, low) of the convolution, the missing axes as ones.
template <class F>
ConvPasses liftAxes(const Geometry& g, F&& f) {
  const std::size_t spatial = g.stride.size(), missing = 3 - spatial;
  ConvPasses conv{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {}};
  const int firstKernel = g.weight.size() - static_cast<int>(spatial);
  for (std::size_t i = 0; i < 3; i++) {
    if (i < missing) {
      f(conv.axes[i], 1, 1, 1, 1, 1, 0);
      continue;
    }
    const std::size_t own = i - missing;
    const int axis = static_cast<int>(own);
    conv.in[i] = g.x[axis + 2];
    conv.out[i] = g.y[axis + 2];
    conv.kernel[i] = g.weight[firstKernel + axis];
    f(conv.axes[i], conv.in[i], conv.out[i], conv.kernel[i], g.stride[own], g.dilation[own] + 1, g.low[own]);
  }
  return conv;
}

}  // namespace

ConvPasses forwardPasses(const Geometry& g) {
  return liftAxes(
      g, [](std::vector<AxisPass>& passes, Index, Index out, Index kernel, Index stride, Index dilation, Index low) {
        AxisPass pass{out, 0, 1, -low, stride, {}, {}};
        for (Index k = 0; k < kernel; k++) {
          pass.taps.push_back(k);
          pass.offsets.push_back(k * dilation);
        }
        passes = {pass};
      });
}

ConvPasses backwardDataPasses(const Geometry& g) {
  // y of p reads x of i = p·stride − low + k·dilation, so x of i = rest + q·stride takes y of q + (rest + low −
  // k·dilation)/stride.
  ConvPasses conv = liftAxes(
      g, [](std::vector<AxisPass>& passes, Index in, Index, Index kernel, Index stride, Index dilation, Index low) {
        const Index classes = std::min(stride, in);
        for (Index rest = 0; rest < classes; rest++)
          passes.push_back({(in - rest + stride - 1) / stride, rest, stride, 0, 1, {}, {}});
        for (Index k = 0; k < kernel; k++) {
          const Index rest = ((k * dilation - low) % stride + stride) % stride;
          if (rest >= classes) continue;
          AxisPass& pass = passes[static_cast<std::size_t>(rest)];
          pass.taps.push_back(k);
          pass.offsets.push_back((rest + low - k * dilation) / stride);
        }
      });
  std::swap(conv.in, conv.out);
  return conv;
}

BandPiece pieceOf(const Band& band, Index number) {
  const Index columnPiece = number % band.columnPieces(), rowPiece = number / band.columnPieces() % band.rowPieces();
  // of about equal size
  auto start = [](Index count, Index piece, Index pieces) { return count * piece / pieces; };
  const Index firstRow = start(band.pass[1].count, rowPiece, band.rowPieces()),
              firstColumn = start(band.pass[2].count, columnPiece, band.columnPieces());
  return {number / band.columnPieces() / band.rowPieces(), firstRow,
          start(band.pass[1].count, rowPiece + 1, band.rowPieces()) - firstRow, firstColumn,
          start(band.pass[2].count, columnPiece + 1, band.columnPieces()) - firstColumn};
}

namespace {

Index spanOf(const AxisPass& axis, Index count) {
  return axis.reach() == 0 ? 0 : (count - 1) * axis.inStep + axis.reach();
}

bool readsInside(const AxisPass& axis, Index in) {
  const Index first = axis.inStart + axis.least();
  return axis.reach() == 0 || (first >= 0 && first + spanOf(axis, axis.count) <= in);
}

}  // namespace

Band makeBand(const ConvPasses& conv, Pass pass, Index blocks, Index lanes, Index mostBytes, Index mostPositions) {
  Band band;
  for (std::size_t axis = 0; axis < 3; axis++) band.isCopied = band.isCopied || !readsInside(pass[axis], conv.in[axis]);
  band.lanes = lanes;
  const Index most = std::max<Index>(1, mostBytes / static_cast<Index>(sizeof(float)) /
                                            std::max<Index>(1, blocks * lanes * pass[0].reach()));  // of inputs
  // At first whole rows, as many as fit; where not even one does, pieces of rows, but some tiles of positions in each.
  constexpr Index leastColumns = 24;
  const Index rowInputs = std::max<Index>(1, pass[1].reach() * std::max<Index>(1, spanOf(pass[2], pass[2].count)));
  band.columns = pass[2].count;
  if (rowInputs > most) {
    const Index fit = most / std::max<Index>(1, pass[1].reach()) / pass[2].inStep;
    band.columns = std::min(pass[2].count, std::max(leastColumns, fit));
  }
  band.columns = std::min(band.columns, mostPositions);
  const Index width = std::max<Index>(1, spanOf(pass[2], band.columns));
  const Index height = most / width - pass[1].reach();
  band.rows = std::clamp<Index>(height / pass[1].inStep + 1, 1, pass[1].count);
  band.rows = std::clamp<Index>(mostPositions / band.columns, 1, band.rows);
  if (band.isCopied) {
    band.copiedRows = spanOf(pass[1], band.rows);
    band.copiedColumns = spanOf(pass[2], band.columns);
    band.rowStep = band.copiedColumns * lanes;
    band.sliceStep = band.copiedRows * band.rowStep;
    band.blockStep = pass[0].reach() * band.sliceStep;
  } else {
    band.rowStep = conv.in[2] * lanes;
    band.sliceStep = conv.in[1] * band.rowStep;
    band.blockStep = conv.in[0] * band.sliceStep;
  }
  band.pass = std::move(pass);
  return band;
}

std::vector<Term> termsOf(const ConvPasses& conv, const Band& band, Index blocks, Index termStep) {
  std::vector<Term> terms;
  const auto& [depth, height, width] = band.pass;
  for (Index block = 0; block < blocks; block++) {
    for (std::size_t z = 0; z < depth.taps.size(); z++) {
      for (std::size_t y = 0; y < height.taps.size(); y++) {
        for (std::size_t x = 0; x < width.taps.size(); x++) {
          const Index tap = (depth.taps[z] * conv.kernel[1] + height.taps[y]) * conv.kernel[2] + width.taps[x];
          terms.push_back({block * band.blockStep + (depth.offsets[z] - depth.least()) * band.sliceStep +
                               (height.offsets[y] - height.least()) * band.rowStep +
                               (width.offsets[x] - width.least()) * band.lanes,
                           (block * conv.taps() + tap) * termStep});
        }
      }
    }
  }
  return terms;
}

const float* readPiece(const ConvPasses& conv, const Band& band, const BandPiece& piece, const float* image,
                       Index blocks, float* copy) {
  const auto& [depth, height, width] = band.pass;
  const Index z = depth.inStart + piece.slice * depth.inStep + depth.least(),
              y = height.inStart + piece.firstRow * height.inStep + height.least();
  const Index x = width.inStart + piece.firstColumn * width.inStep + width.least(), lanes = band.lanes;
  if (!band.isCopied) return image + ((z * conv.in[1] + y) * conv.in[2] + x) * lanes;
  const Index slices = depth.reach(), rows = spanOf(height, piece.rows), columns = spanOf(width, piece.columns);
  const Index before = std::clamp<Index>(-x, 0, columns),
              within = std::clamp<Index>(std::min(conv.in[2] - x, columns) - before, 0, columns - before);
  for (Index block = 0; block < blocks; block++) {
    for (Index slice = 0; slice < slices; slice++) {
      for (Index row = 0; row < rows; row++) {
        float* to = copy + block * band.blockStep + slice * band.sliceStep + row * band.rowStep;
        if (z + slice < 0 || z + slice >= conv.in[0] || y + row < 0 || y + row >= conv.in[1]) {
          std::fill_n(to, columns * lanes, 0.0f);
          continue;
        }
        const float* from =
            image + (((block * conv.in[0] + z + slice) * conv.in[1] + y + row) * conv.in[2] + x + before) * lanes;
        std::fill_n(to, before * lanes, 0.0f);
        std::copy_n(from, within * lanes, to + before * lanes);
        std::fill_n(to + (before + within) * lanes, (columns - before - within) * lanes, 0.0f);
      }
    }
  }
  return copy;
}

}  // namespace cnn::cpu

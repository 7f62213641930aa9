// A convolution, or its gradient of x, as sums over the same terms at positions of a regular grid, and the bands of
// positions that stay in a cache.
#pragma once

#include <array>
#include <vector>

#include "conv_geometry.hpp"
#include "register_tile.hpp"

namespace cnn::cpu {

/// The spatial sizes of an image: [depth, height, width], 1 where there are fewer dimensions.
using Extents = std::array<Index, 3>;

/// Along one axis: `count` outputs, from `outStart` on by `outStep`; output i reads inputs inStart + i·inStep +
/// offsets[k] by the taps of the kernel taps[k].
struct AxisPass {
  Index count, outStart, outStep, inStart, inStep;
  std::vector<Index> taps, offsets;
  Index least() const;  // offset
  Index reach() const;  // inputs from the least offset to the greatest; 0 without a tap
};

/// The outputs that read alike: all of them, or, of the gradient for x, those whose places leave the same remainders by
/// the strides.
using Pass = std::array<AxisPass, 3>;

struct ConvPasses {
  Extents in, out, kernel;
  Index taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  Index plane(const Extents& of) const { return of[0] * of[1] * of[2]; }
  std::array<std::vector<AxisPass>, 3> axes;  // each combination is a pass
  Index count() const;
  Pass pass(Index number) const;
};
ConvPasses forwardPasses(const Geometry& g);
ConvPasses backwardDataPasses(const Geometry& g);

/// How a pass reads: from the image where it has all that is read, else from a copy with the padding around it.
struct Band {
  Pass pass;
  bool isCopied = false;
  Index lanes = 1;
  Index rows = 1, columns = 1;                      // positions at most
  Index copiedRows = 0, copiedColumns = 0;          // of the copy
  Index blockStep = 0, sliceStep = 0, rowStep = 0;  // floats, of what is read
  Index pieces() const { return pass[0].count * rowPieces() * columnPieces(); }
  Index rowPieces() const { return (pass[1].count + rows - 1) / rows; }
  Index columnPieces() const { return (pass[2].count + columns - 1) / columns; }
  Index copiedElements(Index blocks) const { return isCopied ? blocks * blockStep : 0; }
};

/// A piece of a band: positions [firstRow, firstRow + rows) × [firstColumn, …) of one slice.
struct BandPiece {
  Index slice, firstRow, rows, firstColumn, columns;
  Index positions() const { return rows * columns; }
};
BandPiece pieceOf(const Band& band, Index number);

/// `blocks` of `lanes` inputs each are read; `mostBytes`: what should stay in a cache, `mostPositions` of a piece.
Band makeBand(const ConvPasses& conv, Pass pass, Index blocks, Index lanes, Index mostBytes, Index mostPositions);

/// The terms of a pass: [block of inputs][tap], weights as PackedWeights has them.
std::vector<Term> termsOf(const ConvPasses& conv, const Band& band, Index blocks, Index termStep);

/// What the first position of a piece reads at offset `least`: in the image of a sample, of `blocks` blocks, or in
/// `copy`, which this fills.
const float* readPiece(const ConvPasses& conv, const Band& band, const BandPiece& piece, const float* image,
                       Index blocks, float* copy);

}  // namespace cnn::cpu

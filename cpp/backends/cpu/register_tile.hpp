// Register tiles: the innermost loops of convolutions and matrix products, whose sums stay in the processor's
// registers.
//
// A sum runs over terms, each an input times a weight. A tile holds the sums of some positions (of an image, or rows of
// a matrix) for some blocks of neighbouring outputs: an input serves all outputs of the tile, a vector of weights all
// of its positions. Where positions and terms lie in memory is given by tables, so that one loop serves every stride,
// dilation and layout.
#pragma once

#include <limits>

#include "base/dims.hpp"
#include "winograd_tiles.hpp"

namespace cnn::cpu {

/// Outputs of a block, which lie side by side: one or more registers.
inline constexpr int blockLanes = winograd::lanes;

/// Blocks of outputs that a tile has at most, and positions beside so many: weights, an input and the sums fill the
/// registers.
inline constexpr Index mostTileBlocks = registers / (blockLanes / registerFloats) >= 16 ? 3 : 1;
constexpr Index mostTilePositions(Index blocks) {
  const Index vectors = blocks * (blockLanes / registerFloats);
#if defined(__FMA__) || defined(__aarch64__)
  constexpr Index others = 1;  // an input
#else
  constexpr Index others = 2;  // and its product
#endif
  const Index fit = (registers - others - vectors) / vectors;
  const Index most = registers == 32 && blocks < 3 ? 8 : blocks == 3 && registers == 16 ? 4 : 6;
  return fit < most ? fit : most;
}

/// Where a piece of terms lies: floats from a position to its inputs, and from the first weight to its weights.
struct Term {
  Index input, weight;
};

/// What happens to finished sums.
struct TileFinish {
  const float* bias = nullptr;  // of the tile's first output; null: none
  bool addsResult = false;      // to what lies there
  float lowest = -std::numeric_limits<float>::infinity(), highest = std::numeric_limits<float>::infinity();
  bool isHeld() const {
    return lowest > -std::numeric_limits<float>::infinity() || highest < std::numeric_limits<float>::infinity();
  }
};

/// y[position][block][lane] = Σ over terms.
struct SumTile {
  const float* x;
  const Index* positions;  // floats from x
  const Term* terms;
  Index count;  // of terms
  const float* weights;
  Index weightStep;  // from block to block
  float* y;
  const Index* outputs;  // floats from y, of each position
  Index outputStep;      // from block to block
  TileFinish finish;
};
using Sum = void (*)(const SumTile&);

/// For so many positions and blocks. `areBlocked`: a term is blockLanes inputs side by side, and as many vectors of
/// weights; else one input.
Sum sumFor(Index positions, Index blocks, bool areBlocked);

/// As a SumTile of one block, but each output is of one input, in the same lane.
Sum sumByLaneFor(Index positions);

/// dw[term][block][lane] += Σ over the positions of an image of x · dy.
struct GradientTile {
  const float* x;
  const Index* terms;  // floats from x to the first position of each
  const float* dy;
  Index dyStep;  // from block to block
  Index rows, columns, rowStep, columnStep,
      dyRowStep;  // positions, and floats from one to the next; columns of dy are neighbours
  float* dw;
  Index dwStep;  // from block to block; terms are neighbours
};
using Gradient = void (*)(const GradientTile&);
Gradient gradientFor(Index terms, Index blocks);
/// Of one block, lane by lane.
Gradient gradientByLaneFor(Index terms);

}  // namespace cnn::cpu

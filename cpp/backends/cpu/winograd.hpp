// Winograd's convolution of windows of 3×3 or 5×5 at every position, and its gradients, on activations with
// `winograd::lanes` channels side by side.
//
// A thread takes some tiles, some dozens at a time so that what it makes of them stays in its cache: inputs to
// components, for each component a matrix product over the channels, and components back to outputs. For windows of
// 3×3, tiles of 4×4 outputs take the fewest products; those of 2×2 read less than half as many transformed weights,
// which counts where images are small and few.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "winograd_tiles.hpp"

namespace cnn::cpu::winograd {

/// Blocks of output channels whose products are made before they are turned to outputs.
inline constexpr Index groupBlocks = 4;

/// Weights in the order in which products read them, [groups of output blocks][components][blocks of a
/// group][inputs][lanes]: a thread reads them in one go.
struct Weights {
  Index inputs, outputs;
  Form form;
  /// They come as [inputs, outputs, r, r] and are read turned by 180°, as the gradient with respect to x convolves dy
  /// with them; else as [outputs, inputs, r, r].
  bool isRotated = false;
  Index blocks() const { return outputs / lanes; }
  /// Floats from component to component: no power of two, since the same places of all components are written and read
  /// at once and would share one set of a cache.
  Index step() const { return std::min(groupBlocks, blocks()) * inputs * lanes + 2 * lanes; }
  /// Where the weights of a block begin, of the first component.
  Index at(Index block) const {
    return block / groupBlocks * form.components() * step() + block % groupBlocks * inputs * lanes;
  }
  Index elements() const { return (blocks() + groupBlocks - 1) / groupBlocks * form.components() * step(); }
  friend bool operator==(const Weights&, const Weights&) = default;
};

void transformWeights(const Weights& shape, const float* plain, float* transformed);

/// x [samples, inputs, height, width] → y [samples, outputs, outHeight, outWidth]; both channel counts are multiples of
/// `lanes`.
struct Sizes {
  Index samples, inputs, outputs, height, width, outHeight, outWidth;
  Index top, left;  // padding; may be negative
  Form form;
  Grid grid() const { return {samples, outHeight, outWidth, form.outputs}; }
  Index inputBlocks() const { return inputs / lanes; }
  Index outputBlocks() const { return outputs / lanes; }
  Weights weights(bool isRotated = false) const { return {inputs, outputs, form, isRotated}; }
};

/// What one thread does: one of the parts into which the tiles fall, and some blocks of output channels.
struct Share {
  Index part, firstTile, endTile, firstBlock, endBlock;
};

/// What happens to sums before they are outputs: what lies there is added, then they are held between two bounds.
struct Finish {
  bool addsResult = false;
  float lowest = -std::numeric_limits<float>::infinity(), highest = std::numeric_limits<float>::infinity();
};

class Convolution {
 public:
  Convolution(const Sizes& sizes, int threads, const Finish& finish);
  std::size_t scratchBytes() const;
  /// `weights` are transformed. `bias` may be null.
  void run(const float* x, const float* weights, const float* bias, float* y, void* scratch) const;

 private:
  template <class Tile>
  void runShare(const Share& share, const float* x, const float* weights, const float* bias, float* y,
                float* scratch) const;
  Sizes sizes_;
  Finish finish_;
  std::vector<Share> shares_;
};

/// dw [outputs, inputs, r, r] of x and dy, and the sums of dy for the bias; by tiles of 4×4 outputs where r is 3.
class WeightGradient {
 public:
  WeightGradient(const Sizes& sizes, int threads);
  std::size_t scratchBytes() const;
  /// `dbias` may be null.
  void run(const float* x, const float* dy, float* dw, float* dbias, void* scratch) const;

 private:
  template <class Tile>
  void runShare(const Share& share, const float* x, const float* dy, float* sums, float* scratch) const;
  template <class Tile>
  void finish(const float* sums, float* dw) const;
  // The scratch memory: [share][what it works on], then [part][sums of the transformed weights, sums of the bias].
  Index parts() const;
  std::size_t sumsAt() const;
  std::size_t partElements() const;
  Vector sumOfParts(const float* sums, Index at) const;
  Sizes sizes_;
  std::vector<Share> shares_;
};

}  // namespace cnn::cpu::winograd

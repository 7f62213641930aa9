// Weights of a convolution in the order in which register tiles read them: [group][block of outputs][block of
// inputs][tap][input][output lane].
#pragma once

#include "base/dims.hpp"

namespace cnn::cpu {

/// Channels are those of one group; taps are the positions of the kernel.
struct PackedWeights {
  Index groups, outputs, inputs, taps;
  Index inputLanes;           // inputs of a block: blockLanes or 1
  bool isTransposed = false;  // they come as [groups · inputs, outputs, taps], as the gradient of x sees them; else as
                              // [groups · outputs, inputs, taps]
  bool isDepthwise = false;  // each output is of one input, in the same lane: inputs, outputs are blockLanes and groups
                             // the blocks of channels

  Index inputBlocks() const { return isDepthwise ? 1 : (inputs + inputLanes - 1) / inputLanes; }
  Index outputBlocks() const;
  /// Floats of a tap of a block of inputs, and from block to block of outputs.
  Index termStep() const;
  Index blockStep() const { return inputBlocks() * taps * termStep(); }
  Index elements() const { return groups * outputBlocks() * blockStep(); }

  void pack(const float* plain, float* packed) const;
  /// Back to the plain order, of a gradient that is not transposed: dw = Σ over `parts` packed ones, each `elements`
  /// behind the one before.
  void unpackSum(const float* packed, Index parts, float* plain) const;

 private:
  /// Calls f(offset in the plain order, offset in the packed one) for each weight of a block of outputs and a block of
  /// inputs.
  template <class F>
  void forEach(Index group, Index outputBlock, Index inputBlock, F&& f) const;
};

}  // namespace cnn::cpu

// Both ways between the orders, block by block.
#include "packed_weights.hpp"

#include <algorithm>

#include "parallel.hpp"
#include "register_tile.hpp"

namespace cnn::cpu {

Index PackedWeights::outputBlocks() const { return (outputs + blockLanes - 1) / blockLanes; }

Index PackedWeights::termStep() const { return (isDepthwise ? 1 : inputLanes) * blockLanes; }

template <class F>
void PackedWeights::forEach(Index group, Index outputBlock, Index inputBlock, F&& f) const {
  const Index base = (group * outputBlocks() + outputBlock) * blockStep() + inputBlock * taps * termStep();
  const Index firstOutput = outputBlock * blockLanes, lanes = std::min<Index>(blockLanes, outputs - firstOutput);
  const Index firstInput = inputBlock * inputLanes, count = isDepthwise ? 1 : std::min(inputLanes, inputs - firstInput);
  for (Index lane = 0; lane < lanes; lane++) {
    for (Index i = 0; i < count; i++) {
      const Index output = firstOutput + lane, input = firstInput + i;
      const Index plain = isDepthwise    ? (group * blockLanes + lane) * taps
                          : isTransposed ? ((group * inputs + input) * outputs + output) * taps
                                         : ((group * outputs + output) * inputs + input) * taps;
      const Index packed = base + i * blockLanes + lane;
      for (Index tap = 0; tap < taps; tap++) f(plain + tap, packed + tap * termStep());
    }
  }
}

void PackedWeights::pack(const float* plain, float* packed) const {
  const Index blocks = outputBlocks(), pieces = inputBlocks();
  parallelRows(groups * blocks * pieces, taps * termStep(), [&](Index from, Index to) {
    for (Index piece = from; piece < to; piece++) {
      const Index block = piece / pieces % blocks, inputBlock = piece % pieces;
      if ((block + 1) * blockLanes > outputs || (!isDepthwise && (inputBlock + 1) * inputLanes > inputs)) {
        std::fill_n(packed + piece * taps * termStep(), taps * termStep(), 0.0f);
      }
      forEach(piece / pieces / blocks, block, inputBlock,
              [&](Index source, Index target) { packed[target] = plain[source]; });
    }
  });
}

void PackedWeights::unpackSum(const float* packed, Index parts, float* plain) const {
  const Index blocks = outputBlocks(), pieces = inputBlocks(), all = elements();
  parallelRows(groups * blocks * pieces, taps * termStep() * parts, [&](Index from, Index to) {
    for (Index piece = from; piece < to; piece++) {
      forEach(piece / pieces / blocks, piece / pieces % blocks, piece % pieces, [&](Index target, Index source) {
        float sum = packed[source];
        for (Index part = 1; part < parts; part++) sum += packed[part * all + source];
        plain[target] = sum;
      });
    }
  });
}

}  // namespace cnn::cpu

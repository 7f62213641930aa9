// Tiles of every size, as templates.
#include "register_tile.hpp"

#include <array>
#include <utility>

namespace cnn::cpu {

namespace {

using Vector = Floats<registerFloats>;
constexpr int perBlock = blockLanes / registerFloats;  // vectors

// Without fused multiply-adds, products fill the registers: unrolled, the compiler would load ahead and spill.
constexpr int innerUnroll = registers == 16 && registerFloats == 4 ? 1 : 16;

Vector at(const float* from) { return load<Vector>(from); }

// Inlined, so that sums stay in registers.
template <int positions, int vectors>
[[gnu::always_inline]] inline void finishTile(const SumTile& tile, const Vector (&sums)[positions][vectors]) {
  const Vector low = Vector{} + tile.finish.lowest, high = Vector{} + tile.finish.highest;
  const bool isHeld = tile.finish.isHeld();
#pragma GCC unroll 12
  for (int j = 0; j < vectors; j++) {
    const Vector bias = tile.finish.bias ? at(tile.finish.bias + j * registerFloats) : Vector{};
#pragma GCC unroll 16
    for (int p = 0; p < positions; p++) {
      float* to = tile.y + tile.outputs[p] + j / perBlock * tile.outputStep + j % perBlock * registerFloats;
      Vector value = sums[p][j] + bias;
      if (tile.finish.addsResult) value += at(to);
      if (isHeld) {
        value = value < low ? low : value;  // NaN stays
        value = value > high ? high : value;
      }
      store(to, value);
    }
  }
}

// `inner`: neighbouring inputs of a term.
template <int positions, int blocks, int inner>
void sum(const SumTile& tile) {
  constexpr int vectors = blocks * perBlock;
  const float* from[positions];
#pragma GCC unroll 16
  for (int p = 0; p < positions; p++) from[p] = tile.x + tile.positions[p];
  Vector sums[positions][vectors] = {};
  for (const Term *term = tile.terms, *end = term + tile.count; term != end; term++) {
    const Index input = term->input;
    const float* weights = tile.weights + term->weight;
#pragma GCC unroll innerUnroll
    for (int i = 0; i < inner; i++, weights += blockLanes) {
      Vector factors[vectors];
#pragma GCC unroll 12
      for (int j = 0; j < vectors; j++)
        factors[j] = at(weights + j / perBlock * tile.weightStep + j % perBlock * registerFloats);
#pragma GCC unroll 16
      for (int p = 0; p < positions; p++) {
#pragma GCC unroll 12
        for (int j = 0; j < vectors; j++) sums[p][j] += from[p][input + i] * factors[j];
      }
    }
  }
  finishTile(tile, sums);
}

template <int positions>
void sumByLane(const SumTile& tile) {
  const float* from[positions];
#pragma GCC unroll 16
  for (int p = 0; p < positions; p++) from[p] = tile.x + tile.positions[p];
  Vector sums[positions][perBlock] = {};
  for (const Term *term = tile.terms, *end = term + tile.count; term != end; term++) {
    const Index input = term->input;
    const float* weights = tile.weights + term->weight;
#pragma GCC unroll 4
    for (int j = 0; j < perBlock; j++) {
      const Vector factor = at(weights + j * registerFloats);
#pragma GCC unroll 16
      for (int p = 0; p < positions; p++) sums[p][j] += at(from[p] + input + j * registerFloats) * factor;
    }
  }
  finishTile(tile, sums);
}

template <int terms, int vectors>
[[gnu::always_inline]] inline void addTo(const GradientTile& tile, const Vector (&sums)[terms][vectors]) {
#pragma GCC unroll 16
  for (int t = 0; t < terms; t++) {
#pragma GCC unroll 12
    for (int j = 0; j < vectors; j++) {
      float* to = tile.dw + j / perBlock * tile.dwStep + t * blockLanes + j % perBlock * registerFloats;
      store(to, at(to) + sums[t][j]);
    }
  }
}

template <int terms, int blocks>
void gradient(const GradientTile& tile) {
  constexpr int vectors = blocks * perBlock;
  Vector sums[terms][vectors] = {};
  for (Index row = 0; row < tile.rows; row++) {
    const float* from[terms];
#pragma GCC unroll 16
    for (int t = 0; t < terms; t++) from[t] = tile.x + tile.terms[t] + row * tile.rowStep;
    const float* dy = tile.dy + row * tile.dyRowStep;
    Index at_ = 0;
    for (Index column = 0; column < tile.columns; column++, at_ += tile.columnStep, dy += blockLanes) {
      Vector factors[vectors];
#pragma GCC unroll 12
      for (int j = 0; j < vectors; j++)
        factors[j] = at(dy + j / perBlock * tile.dyStep + j % perBlock * registerFloats);
#pragma GCC unroll 16
      for (int t = 0; t < terms; t++) {
#pragma GCC unroll 12
        for (int j = 0; j < vectors; j++) sums[t][j] += from[t][at_] * factors[j];
      }
    }
  }
  addTo(tile, sums);
}

template <int terms>
void gradientByLane(const GradientTile& tile) {
  Vector sums[terms][perBlock] = {};
  for (Index row = 0; row < tile.rows; row++) {
    const float *x = tile.x + row * tile.rowStep, *dy = tile.dy + row * tile.dyRowStep;
    for (Index column = 0; column < tile.columns; column++, x += tile.columnStep, dy += blockLanes) {
#pragma GCC unroll 4
      for (int j = 0; j < perBlock; j++) {
        const Vector factor = at(dy + j * registerFloats);
#pragma GCC unroll 16
        for (int t = 0; t < terms; t++) sums[t][j] += at(x + tile.terms[t] + j * registerFloats) * factor;
      }
    }
  }
  addTo(tile, sums);
}

template <int blocks, int inner, std::size_t... positions>
constexpr std::array<Sum, sizeof...(positions)> sums(std::index_sequence<positions...>) {
  return {sum<static_cast<int>(positions) + 1, blocks, inner>...};
}
template <int blocks, std::size_t... terms>
constexpr std::array<Gradient, sizeof...(terms)> gradients(std::index_sequence<terms...>) {
  return {gradient<static_cast<int>(terms) + 1, blocks>...};
}
template <int blocks>
using Sizes = std::make_index_sequence<static_cast<std::size_t>(mostTilePositions(blocks))>;

template <int blocks>
Sum sumOf(std::size_t index, bool areBlocked) {
  static constexpr auto blocked = sums<blocks, blockLanes>(Sizes<blocks>()), single = sums<blocks, 1>(Sizes<blocks>());
  return areBlocked ? blocked[index] : single[index];
}

template <int blocks>
Gradient gradientOf(std::size_t index) {
  static constexpr auto all = gradients<blocks>(Sizes<blocks>());
  return all[index];
}

template <std::size_t... positions>
constexpr std::array<Sum, sizeof...(positions)> sumsByLane(std::index_sequence<positions...>) {
  return {sumByLane<static_cast<int>(positions) + 1>...};
}
template <std::size_t... terms>
constexpr std::array<Gradient, sizeof...(terms)> gradientsByLane(std::index_sequence<terms...>) {
  return {gradientByLane<static_cast<int>(terms) + 1>...};
}

}  // namespace

Sum sumFor(Index positions, Index blocks, bool areBlocked) {
  const auto index = static_cast<std::size_t>(positions - 1);
  if constexpr (mostTileBlocks >= 3) {
    if (blocks == 3) return sumOf<3>(index, areBlocked);
    if (blocks == 2) return sumOf<2>(index, areBlocked);
  }
  return sumOf<1>(index, areBlocked);
}

Sum sumByLaneFor(Index positions) {
  static constexpr auto all = sumsByLane(Sizes<1>());
  return all[static_cast<std::size_t>(positions - 1)];
}

Gradient gradientFor(Index terms, Index blocks) {
  const auto index = static_cast<std::size_t>(terms - 1);
  if constexpr (mostTileBlocks >= 3) {
    if (blocks == 3) return gradientOf<3>(index);
    if (blocks == 2) return gradientOf<2>(index);
  }
  return gradientOf<1>(index);
}

Gradient gradientByLaneFor(Index terms) {
  static constexpr auto all = gradientsByLane(Sizes<1>());
  return all[static_cast<std::size_t>(terms - 1)];
}

}  // namespace cnn::cpu

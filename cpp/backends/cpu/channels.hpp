// Loops over an activation by channel, whatever lanes its layout has.
#pragma once

#include <type_traits>

#include "layout.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

/// Cuts the lanes of a row into pieces of a fixed width, so that the compiler keeps each in a register: f(width, first
/// lane).
template <class F>
void forLanes(Index lanes, F&& f) {
  Index lane = 0;
  for (; lane + 16 <= lanes; lane += 16) f(std::integral_constant<int, 16>{}, lane);
  for (; lane + 8 <= lanes; lane += 8) f(std::integral_constant<int, 8>{}, lane);
  for (; lane < lanes; lane++) f(std::integral_constant<int, 1>{}, lane);
}

/// y += bias, a number for each channel; padded lanes stay as they are.
template <class T>
void addBias(const ChannelView& view, const T* bias, T* y) {
  parallelRows(view.batch * view.blocks, view.positions * view.lanes, [&](Index from, Index to) {
    for (Index row = from; row < to; row++) {
      Index first = row % view.blocks * view.lanes, lanes = std::min(view.lanes, view.channels - first);
      T* target = y + row * view.positions * view.lanes;
      if (view.lanes == 1) {
        const float value = static_cast<float>(bias[first]);
#pragma omp simd
        for (Index p = 0; p < view.positions; p++) target[p] = static_cast<T>(static_cast<float>(target[p]) + value);
        continue;
      }
      for (Index p = 0; p < view.positions; p++) {
#pragma omp simd
        for (Index lane = 0; lane < lanes; lane++) {
          T& each = target[p * view.lanes + lane];
          each = static_cast<T>(static_cast<float>(each) + static_cast<float>(bias[first + lane]));
        }
      }
    }
  });
}

/// Zeros in the padded lanes, which oneDNN and every sum over lanes expect there.
template <class T>
void zeroPadding(const ChannelView& view, T* y) {
  Index used = view.channels - (view.blocks - 1) * view.lanes;
  if (used == view.lanes) return;
  parallelRows(view.batch, view.positions * view.lanes, [&](Index from, Index to) {
    for (Index n = from; n < to; n++) {
      T* block = y + ((n + 1) * view.blocks - 1) * view.positions * view.lanes;
      for (Index p = 0; p < view.positions; p++)
        std::fill(block + p * view.lanes + used, block + (p + 1) * view.lanes, T{});
    }
  });
}

}  // namespace cnn::cpu

// Local response normalisation on plain tensors: the positions of a map side by side, tile by tile, so that a tile of
// all channels stays in the cache.
#include <cmath>

#include "kernels.hpp"
#include "parallel.hpp"
#include "vector_math.hpp"

namespace cnn::cpu {

namespace {

constexpr Index tile = 64;  // positions at a time: with 256 channels, 64 kB of each buffer

struct Maps {
  Index samples, channels, spatial;
  explicit Maps(const Dims& shape) : samples(shape[0]), channels(shape[1]), spatial(shape.slice(2).product()) {}
  Index tiles() const { return (spatial + tile - 1) / tile; }
};

/// Calls f(offset of the tile's first element in the tensor, its positions, which thread) for all tiles, on several
/// threads.
template <class F>
void forTiles(const Maps& maps, Index work, F&& f) {
  parallelRows(maps.samples * maps.tiles(), work * maps.channels * std::min(tile, maps.spatial),
               [&](Index from, Index to, int member) {
                 for (Index i = from; i < to; i++) {
                   Index first = i % maps.tiles() * tile;
                   f(i / maps.tiles() * maps.channels * maps.spatial + first, std::min(tile, maps.spatial - first),
                     member);
                 }
               });
}

/// The window of channel c: `size` channels, one more before than after where that is even (as torch pads).
struct Window {
  Index begin, end;
};
Window windowOf(Index c, Index size, Index channels) {
  return {std::max<Index>(c - size / 2, 0), std::min(c + (size + 1) / 2, channels)};
}
/// The channels in whose windows c lies.
Window listenersOf(Index c, Index size, Index channels) {
  return {std::max<Index>(c - (size - 1) / 2, 0), std::min(c + size / 2 + 1, channels)};
}

/// log(k + alpha/size · Σ x²) of channel c at the tile's positions.
void logBase(const float* x, const Maps& maps, Window window, float alpha, float k, Index count, float* y) {
  float squares[tile] = {};
  for (Index j = window.begin; j < window.end; j++) {
    const float* row = x + j * maps.spatial;
#pragma omp simd
    for (Index s = 0; s < count; s++) squares[s] += row[s] * row[s];
  }
#pragma omp simd
  for (Index s = 0; s < count; s++) y[s] = fastLog(k + alpha * squares[s]);
}

bool isSupported(const Signature& signature) {
  return signature.inputs[0].dtype == DType::float32 && signature.inputs[0].elements() > 0;
}

}  // namespace

KernelPtr prepare(const LocalResponseNorm& op, const Signature& signature, Engine&) {
  if (!isSupported(signature)) return nullptr;
  auto alpha = static_cast<float>(op.alpha / static_cast<double>(op.size)), beta = static_cast<float>(op.beta),
       k = static_cast<float>(op.k);
  return makeKernel(signature,
                    [maps = Maps(signature.inputs[0].shape), size = op.size, alpha, beta, k](const Run& run) {
                      forTiles(maps, 8 + size, [&](Index offset, Index count, int) {
                        const float* x = run.in<float>(0) + offset;
                        float* y = run.out<float>(0) + offset;
                        float base[tile];
                        for (Index c = 0; c < maps.channels; c++) {
                          logBase(x, maps, windowOf(c, size, maps.channels), alpha, k, count, base);
                          const float* in = x + c * maps.spatial;
                          float* out = y + c * maps.spatial;
#pragma omp simd
                          for (Index s = 0; s < count; s++) out[s] = in[s] * fastExp(-beta * base[s]);
                        }
                      });
                    });
}

/// With d the base of each element: dx = dy·d^−beta − 2·alpha·beta/size · x · Σ over listeners of dy·x·d^(−beta−1).
KernelPtr prepare(const LocalResponseNormBackward& op, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  auto alpha = static_cast<float>(op.alpha / static_cast<double>(op.size)), beta = static_cast<float>(op.beta),
       k = static_cast<float>(op.k);
  Maps maps(signature.inputs[0].shape);
  Index slot = maps.channels * tile, slots = engine.threads.load();
  return makeKernel(
      signature,
      [maps, slot, slots, size = op.size, alpha, beta, k](const Run& run) {
        float factor = 2 * alpha * beta;
        ThreadScope scope(static_cast<int>(std::min<Index>(slots, availableThreads())));
        forTiles(maps, 16 + 2 * size, [&](Index offset, Index count, int member) {
          const float *dy = run.in<float>(0) + offset, *x = run.in<float>(1) + offset;
          float* dx = run.out<float>(0) + offset;
          float* through = static_cast<float*>(run.workspace) + member * slot;  // dy·x·d^(−beta−1) [C, tile]
          float base[tile];
          for (Index c = 0; c < maps.channels; c++) {
            logBase(x, maps, windowOf(c, size, maps.channels), alpha, k, count, base);
            const float *g = dy + c * maps.spatial, *v = x + c * maps.spatial;
            float *out = dx + c * maps.spatial, *t = through + c * tile;
#pragma omp simd
            for (Index s = 0; s < count; s++) {
              out[s] = g[s] * fastExp(-beta * base[s]);
              t[s] = g[s] * v[s] * fastExp((-beta - 1) * base[s]);
            }
          }
          for (Index c = 0; c < maps.channels; c++) {
            Window far = listenersOf(c, size, maps.channels);
            float sum[tile] = {};
            for (Index j = far.begin; j < far.end; j++) {
              const float* t = through + j * tile;
#pragma omp simd
              for (Index s = 0; s < count; s++) sum[s] += t[s];
            }
            const float* v = x + c * maps.spatial;
            float* out = dx + c * maps.spatial;
#pragma omp simd
            for (Index s = 0; s < count; s++) out[s] -= factor * v[s] * sum[s];
          }
        });
      },
      static_cast<std::size_t>(slots * slot) * sizeof(float));
}

}  // namespace cnn::cpu

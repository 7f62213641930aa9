// The tiles of a thread, chunk by chunk.
#include "winograd.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "channels.hpp"
#include "parallel.hpp"

namespace cnn::cpu::winograd {

namespace {

// Tiles that a product takes at once, so that its sums, the weights and an input fill the processor's registers: with
// two vectors of outputs, and with four.
#if defined(__AVX512F__)
constexpr int mostTiles = 14, mostTilesOfFour = 6;
#else
constexpr int mostTiles = 6, mostTilesOfFour = 2;
#endif
// Tiles of a chunk: more read the weights less often, fewer stay in a smaller cache; on an EPYC (Zen 5) 14 to 56 are
// within the noise but for many channels, where 14 are a quarter slower.
constexpr Index chunkTiles = 3 * mostTiles, chunkRow = chunkTiles * lanes;
// How far ahead weights are fetched, in floats; they come from memory where a network has more of them than the cache
// holds.
constexpr Index prefetch = 96 * lanes;

Vector at(const float* from) { return load<Vector>(from); }

// m[j][t] = Σ over input channels v[t] · u[j]: `tiles` rows of inputs [block][tile][lanes] and `vectors` blocks of
// weights [channel][lanes].
template <int tiles, int vectors>
void multiply(const float* v, Index blockStep, const float* u, Index weightStep, Index blocks, float* m,
              Index productStep) {
  Vector sums[tiles][vectors] = {};
  for (Index b = 0; b < blocks; b++, v += blockStep) {
    for (int lane = 0; lane < lanes; lane++, u += lanes) {
      Vector weights[vectors];
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++) {
        weights[j] = at(u + j * weightStep);
        __builtin_prefetch(u + j * weightStep + prefetch);
      }
#pragma GCC unroll 28
      for (int t = 0; t < tiles; t++) {
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) sums[t][j] += v[t * lanes + lane] * weights[j];
      }
    }
  }
#pragma GCC unroll 28
  for (int t = 0; t < tiles; t++) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) store(m + j * productStep + t * lanes, sums[t][j]);
  }
}

using Multiply = void (*)(const float*, Index, const float*, Index, Index, float*, Index);
template <int vectors, std::size_t... tiles>
constexpr std::array<Multiply, sizeof...(tiles)> multiplies(std::index_sequence<tiles...>) {
  return {multiply<static_cast<int>(tiles) + 1, vectors>...};
}
constexpr auto byOne = multiplies<1>(std::make_index_sequence<2 * mostTiles>());
constexpr auto byTwo = multiplies<2>(std::make_index_sequence<mostTiles>());
constexpr auto byFour = multiplies<4>(std::make_index_sequence<mostTilesOfFour>());

// All products of one component: v [inputBlocks][chunk][lanes], u [blocks][inputs][lanes] → m [blocks][chunk][lanes].
void multiplyAll(const float* v, const float* u, float* m, Index tiles, Index inputBlocks, Index blocks) {
  const Index weightStep = inputBlocks * lanes * lanes;
  // With one vector a time, up to twice as many tiles read the weights once.
  const bool areFew = tiles <= mostTilesOfFour, areOnce = tiles > mostTiles && tiles <= 2 * mostTiles;
  const Index most = areFew ? 4 : areOnce ? 1 : 2, pieces = areOnce ? 1 : (tiles + mostTiles - 1) / mostTiles;
  for (Index block = 0; block < blocks;) {
    Index left = std::min(blocks - block, most), vectors = left == 3 ? 2 : left;
    for (Index piece = 0; piece < pieces; piece++) {  // of about equal size
      Index from = tiles * piece / pieces, count = tiles * (piece + 1) / pieces - from;
      auto index = static_cast<std::size_t>(count - 1);
      Multiply multiply = vectors == 4 ? byFour[index] : vectors == 2 ? byTwo[index] : byOne[index];
      multiply(v + from * lanes, chunkRow, u + block * weightStep, weightStep, inputBlocks,
               m + block * chunkRow + from * lanes, chunkRow);
    }
    block += vectors;
  }
}

// dU[j][r] += Σ over tiles dm[j][t] · v[t][r]: `vectors` blocks of output channels and half a block of input channels,
// whose sums stay in registers.
constexpr int rows = lanes / 2;
template <int vectors>
void multiplyTransposed(const float* v, const float* dm, Index gradientStep, Index tiles, float* du, Index weightStep,
                        bool isFirst) {
  Vector sums[rows][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) sums[r][j] = isFirst ? Vector{} : at(du + j * weightStep + r * lanes);
  }
  for (Index t = 0; t < tiles; t++) {
    Vector gradients[vectors];
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) gradients[j] = at(dm + j * gradientStep + t * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 2
      for (int j = 0; j < vectors; j++) sums[r][j] += v[t * lanes + r] * gradients[j];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) store(du + j * weightStep + r * lanes, sums[r][j]);
  }
}

// Threads share tiles; where there are few of those, or `sharesOutputs`, output channels.
std::vector<Share> sharesOf(const Sizes& sizes, int threads, bool sharesOutputs) {
  Index tiles = sizes.grid().count(), blocks = sizes.outputBlocks(), tileParts = sharesOutputs ? 1 : threads;
  while (tileParts > 1 && (threads % tileParts != 0 || tiles < tileParts * mostTiles)) tileParts--;
  Index blockParts = std::min(threads / tileParts, blocks);
  std::vector<Share> shares;
  for (Index t = 0; t < tileParts; t++) {
    for (Index b = 0; b < blockParts; b++) {
      shares.push_back({t, tiles * t / tileParts, tiles * (t + 1) / tileParts, blocks * b / blockParts,
                        blocks * (b + 1) / blockParts});
    }
  }
  return shares;
}

// The tiles of a share in chunks of about equal size: f(first, count).
template <class F>
void forChunks(const Share& share, F&& f) {
  Index tiles = share.endTile - share.firstTile, chunks = (tiles + chunkTiles - 1) / chunkTiles;
  for (Index chunk = 0; chunk < chunks; chunk++) {
    Index from = share.firstTile + tiles * chunk / chunks;
    f(from, share.firstTile + tiles * (chunk + 1) / chunks - from);
  }
}

// The output blocks of a share, group by group: f(first, count).
template <class F>
void forGroups(const Share& share, F&& f) {
  for (Index group = share.firstBlock; group < share.endBlock;) {
    Index end = std::min(share.endBlock, (group / groupBlocks + 1) * groupBlocks);
    f(group, end - group);
    group = end;
  }
}

// x of the tiles → v [component][inputBlocks][chunk][lanes].
template <class Tile>
void transformInputs(const Sizes& sizes, const float* x, Index first, Index count, float* v) {
  const Index blocks = sizes.inputBlocks(), plane = sizes.height * sizes.width * lanes,
              componentStep = blocks * chunkRow;
  const Grid grid = sizes.grid();
  for (Index block = 0; block < blocks; block++) {
    for (Index t = 0; t < count; t++) {
      Grid::Place place = grid.at(first + t);
      Index row = place.row - sizes.top, column = place.column - sizes.left;
      const float* image = x + (place.sample * blocks + block) * plane;
      float* to = v + block * chunkRow + t * lanes;
      auto put = [&](int i, int j, Vector value) { store(to + (i * Tile::inputs + j) * componentStep, value); };
      if (row >= 0 && column >= 0 && row + Tile::inputs <= sizes.height && column + Tile::inputs <= sizes.width) {
        const float* from = image + (row * sizes.width + column) * lanes;
        transform<typename Tile::Input>([&](int i, int j) { return at(from + (i * sizes.width + j) * lanes); }, put);
        continue;
      }
      Vector patch[Tile::inputs][Tile::inputs];
      for (int i = 0; i < Tile::inputs; i++) {
        for (int j = 0; j < Tile::inputs; j++) {
          bool isInside = row + i >= 0 && row + i < sizes.height && column + j >= 0 && column + j < sizes.width;
          patch[i][j] = isInside ? at(image + ((row + i) * sizes.width + column + j) * lanes) : Vector{};
        }
      }
      transform<typename Tile::Input>([&](int i, int j) { return patch[i][j]; }, put);
    }
  }
}

// Runs the shares on the pool.
template <class F>
void runShares(const std::vector<Share>& shares, F&& runShare) {
  auto work = [&](int member, int members) {  // a smaller pool does several each
    for (auto i = static_cast<std::size_t>(member); i < shares.size(); i += static_cast<std::size_t>(members))
      runShare(shares[i], i);
  };
  ThreadPool* pool = ThreadPool::current();
  if (pool && shares.size() > 1) {
    pool->run(static_cast<int>(shares.size()), work);
  } else {
    work(0, 1);
  }
}

std::size_t shareScratch(const Sizes& sizes) {
  return static_cast<std::size_t>(sizes.form.components() * (sizes.inputBlocks() + groupBlocks) * chunkRow);
}

}  // namespace

namespace {

template <class Tile>
void transformWeightsTo(const Weights& shape, const float* plain, float* transformed) {
  const Index inputs = shape.inputs, outputs = shape.outputs, blocks = outputs / lanes,
              taps = Tile::filter * Tile::filter;
  parallelRows(blocks * (inputs / lanes), Tile::components * lanes * lanes, [&](Index from, Index to) {
    for (Index piece = from; piece < to; piece++) {
      Index block = piece / (inputs / lanes), firstInput = piece % (inputs / lanes) * lanes;
      // [input][tap][output lane]: read along the rows of memory
      alignas(64) float filters[lanes][Tile::filter * Tile::filter][lanes];
      for (Index a = 0; a < lanes; a++) {
        const float* row = plain + (shape.isRotated ? (firstInput + a) * outputs + block * lanes
                                                    : (block * lanes + a) * inputs + firstInput) *
                                       taps;
        for (Index b = 0; b < lanes; b++) {
          for (Index i = 0; i < taps; i++)
            (shape.isRotated ? filters[a][taps - 1 - i][b] : filters[b][i][a]) = row[b * taps + i];
        }
      }
      for (Index c = 0; c < lanes; c++) {
        float* target = transformed + shape.at(block) + (firstInput + c) * lanes;
        transform<typename Tile::Filter>(
            [&](int i, int j) { return at(filters[c][i * Tile::filter + j]); },
            [&](int i, int j, Vector value) { store(target + (i * Tile::inputs + j) * shape.step(), value); });
      }
    }
  });
}

}  // namespace

void transformWeights(const Weights& shape, const float* plain, float* transformed) {
  withTile(shape.form, [&]<class Tile>(Tile) { transformWeightsTo<Tile>(shape, plain, transformed); });
}

Convolution::Convolution(const Sizes& sizes, int threads, const Finish& finish)
    : sizes_(sizes), finish_(finish), shares_(sharesOf(sizes, threads, false)) {}

std::size_t Convolution::scratchBytes() const { return shares_.size() * shareScratch(sizes_) * sizeof(float); }

void Convolution::run(const float* x, const float* weights, const float* bias, float* y, void* scratch) const {
  runShares(shares_, [&](const Share& share, std::size_t i) {
    float* own = static_cast<float*>(scratch) + i * shareScratch(sizes_);
    withTile(sizes_.form, [&]<class Tile>(Tile) { runShare<Tile>(share, x, weights, bias, y, own); });
  });
}

template <class Tile>
void Convolution::runShare(const Share& share, const float* x, const float* weights, const float* bias, float* y,
                           float* scratch) const {
  const Grid grid = sizes_.grid();
  const Index inputBlocks = sizes_.inputBlocks(), blocks = sizes_.outputBlocks(),
              plane = sizes_.outHeight * sizes_.outWidth * lanes;
  constexpr Index productStep = groupBlocks * chunkRow;  // from component to component
  float *v = scratch, *m = scratch + Tile::components * inputBlocks * chunkRow;
  const Vector low = Vector{} + finish_.lowest, high = Vector{} + finish_.highest;
  const Weights layout = sizes_.weights();
  forChunks(share, [&](Index first, Index count) {
    transformInputs<Tile>(sizes_, x, first, count, v);
    forGroups(share, [&](Index group, Index groupSize) {
      for (Index c = 0; c < Tile::components; c++) {
        multiplyAll(v + c * inputBlocks * chunkRow, weights + layout.at(group) + c * layout.step(), m + c * productStep,
                    count, inputBlocks, groupSize);
      }
      for (Index block = 0; block < groupSize; block++) {
        Vector offset = bias ? at(bias + (group + block) * lanes) : Vector{};
        for (Index t = 0; t < count; t++) {
          Grid::Place place = grid.at(first + t);
          const float* from = m + block * chunkRow + t * lanes;
          float* to = y + (place.sample * blocks + group + block) * plane +
                      (place.row * sizes_.outWidth + place.column) * lanes;
          auto get = [&](int i, int j) { return at(from + (i * Tile::inputs + j) * productStep); };
          auto put = [&](int i, int j, Vector value) {
            float* target = to + (i * sizes_.outWidth + j) * lanes;
            value += offset;
            if (finish_.addsResult) value += at(target);
            value = value < low ? low : value;
            store(target, value > high ? high : value);
          };
          Index height = sizes_.outHeight - place.row, width = sizes_.outWidth - place.column;
          if (height >= Tile::outputs && width >= Tile::outputs) {
            transform<typename Tile::Output>(get, put);
          } else {
            transform<typename Tile::Output>(get, [&](int i, int j, Vector value) {
              if (i < height && j < width) put(i, j, value);
            });
          }
        }
      }
    });
  });
}

namespace {

// Not all forms have gradients: tiles of 2×2 outputs and 3×3 filters would be slower than those of 4×4.
template <class F>
void withGradientTile(Form form, F&& f) {
  if (form.filter == 5) {
    f(Tile<2, 5>());
  } else {
    f(Tile<4, 3>());
  }
}

}  // namespace

// Who shares tiles has sums of its own for all weights: those should stay in a cache.
constexpr Index mostOwnSums = 1 << 18;

WeightGradient::WeightGradient(const Sizes& sizes, int threads)
    : sizes_(sizes),
      shares_(sharesOf(sizes, threads, sizes.weights().elements() > mostOwnSums && sizes.outputBlocks() >= threads)) {}

Index WeightGradient::parts() const { return shares_.back().part + 1; }
std::size_t WeightGradient::sumsAt() const { return shares_.size() * shareScratch(sizes_); }
std::size_t WeightGradient::partElements() const {
  return static_cast<std::size_t>(sizes_.weights().elements() + sizes_.outputs);
}
std::size_t WeightGradient::scratchBytes() const {
  return (sumsAt() + static_cast<std::size_t>(parts()) * partElements()) * sizeof(float);
}

void WeightGradient::run(const float* x, const float* dy, float* dw, float* dbias, void* scratch) const {
  float *own = static_cast<float*>(scratch), *sums = own + sumsAt();
  runShares(shares_, [&](const Share& share, std::size_t i) {
    float* ofPart = sums + static_cast<std::size_t>(share.part) * partElements();
    withGradientTile(sizes_.form,
                     [&]<class Tile>(Tile) { runShare<Tile>(share, x, dy, ofPart, own + i * shareScratch(sizes_)); });
  });
  withGradientTile(sizes_.form, [&]<class Tile>(Tile) { finish<Tile>(sums, dw); });
  if (!dbias) return;
  for (Index k = 0; k < sizes_.outputs; k += lanes) store(dbias + k, sumOfParts(sums, sizes_.weights().elements() + k));
}

// Over the parts into which tiles fell.
Vector WeightGradient::sumOfParts(const float* sums, Index at) const {
  Vector sum = load<Vector>(sums + at);
  for (Index part = 1; part < parts(); part++)
    sum += load<Vector>(sums + static_cast<std::size_t>(part) * partElements() + at);
  return sum;
}

template <class Tile>
void WeightGradient::finish(const float* sums, float* dw) const {
  const Weights layout = sizes_.weights();
  const Index inputBlocks = sizes_.inputBlocks(), taps = Tile::filter * Tile::filter;
  parallelRows(sizes_.outputBlocks() * inputBlocks, Tile::components * lanes * lanes, [&](Index from, Index to) {
    for (Index piece = from; piece < to; piece++) {
      Index block = piece / inputBlocks, firstInput = piece % inputBlocks * lanes;
      alignas(64) float filters[lanes][Tile::filter * Tile::filter][lanes];  // [input][tap][output lane]
      for (Index c = 0; c < lanes; c++) {
        Index at = layout.at(block) + (firstInput + c) * lanes;
        transform<typename Tile::FilterGradient>(
            [&](int i, int j) { return sumOfParts(sums, (i * Tile::inputs + j) * layout.step() + at); },
            [&](int i, int j, Vector value) { store(filters[c][i * Tile::filter + j], value); });
      }
      for (Index lane = 0; lane < lanes; lane++) {
        float* row = dw + ((block * lanes + lane) * sizes_.inputs + firstInput) * taps;
        for (Index c = 0; c < lanes; c++) {
          for (Index i = 0; i < taps; i++) row[c * taps + i] = filters[c][i][lane];
        }
      }
    }
  });
}

template <class Tile>
void WeightGradient::runShare(const Share& share, const float* x, const float* dy, float* sums, float* scratch) const {
  const Grid grid = sizes_.grid();
  const Index inputBlocks = sizes_.inputBlocks(), blocks = sizes_.outputBlocks(),
              plane = sizes_.outHeight * sizes_.outWidth * lanes;
  constexpr Index gradientStep = groupBlocks * chunkRow;  // from component to component
  float *v = scratch, *dm = scratch + Tile::components * inputBlocks * chunkRow,
        *bias = sums + sizes_.weights().elements();
  const Weights layout = sizes_.weights();
  forChunks(share, [&](Index first, Index count) {
    bool isFirst = first == share.firstTile;
    transformInputs<Tile>(sizes_, x, first, count, v);
    forGroups(share, [&](Index group, Index groupSize) {
      for (Index block = 0; block < groupSize; block++) {
        float* ownBias = bias + (group + block) * lanes;
        Vector sum = isFirst ? Vector{} : at(ownBias);
        for (Index t = 0; t < count; t++) {
          Grid::Place place = grid.at(first + t);
          const float* from = dy + (place.sample * blocks + group + block) * plane +
                              (place.row * sizes_.outWidth + place.column) * lanes;
          float* to = dm + block * chunkRow + t * lanes;
          Index height = sizes_.outHeight - place.row, width = sizes_.outWidth - place.column;
          transform<typename Tile::OutputGradient>(
              [&](int i, int j) {
                if (i >= height || j >= width) return Vector{};
                Vector value = at(from + (i * sizes_.outWidth + j) * lanes);
                sum += value;
                return value;
              },
              [&](int i, int j, Vector value) { store(to + (i * Tile::inputs + j) * gradientStep, value); });
        }
        store(ownBias, sum);
      }
      for (Index c = 0; c < Tile::components; c++) {
        const float *inputs = v + c * inputBlocks * chunkRow, *gradients = dm + c * gradientStep;
        float* weights = sums + layout.at(group) + c * layout.step();
        for (Index block = 0; block < groupSize; block += 2) {
          auto multiply = groupSize - block >= 2 ? multiplyTransposed<2> : multiplyTransposed<1>;
          for (Index input = 0; input < sizes_.inputs; input += rows) {
            multiply(inputs + input / lanes * chunkRow + input % lanes, gradients + block * chunkRow, chunkRow, count,
                     weights + (block * sizes_.inputs + input) * lanes, sizes_.inputs * lanes, isFirst);
          }
        }
      }
    });
  });
}

}  // namespace cnn::cpu::winograd

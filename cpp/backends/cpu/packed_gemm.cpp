// Blocks within blocks: columns of y, terms, rows of y, then tiles.
#include "packed_gemm.hpp"

#include <algorithm>
#include <array>

#include "parallel.hpp"

namespace cnn::cpu {

namespace {

// Packed blocks of b (512 KB) stay in the second-level cache, those of a tile in the first-level one; rows of a that
// have to be packed beside them.
constexpr Index mostColumns = 512, mostTerms = 256, mostRows = 96;
constexpr Index pieces = mostTerms / blockLanes;

constexpr auto blockedTerms = [] {
  std::array<Term, pieces> terms{};
  for (Index i = 0; i < pieces; i++) terms[static_cast<std::size_t>(i)] = {i * blockLanes, i * blockLanes * blockLanes};
  return terms;
}();
constexpr auto singleTerms = [] {
  std::array<Term, blockLanes> terms{};
  for (Index i = 0; i < blockLanes; i++) terms[static_cast<std::size_t>(i)] = {i, i * blockLanes};
  return terms;
}();

}  // namespace

Index PackedGemm::chunkBlocks() const { return std::min<Index>(blocks(), mostColumns / blockLanes); }
Index PackedGemm::chunkTerms() const { return std::min(gemm_.k, mostTerms); }
Index PackedGemm::chunkRows() const { return std::min(gemm_.m, mostRows); }

std::size_t PackedGemm::shareBytes() const {
  const Index b = isPacked_ ? 0 : chunkBlocks() * chunkTerms() * blockLanes,
              a = gemm_.transposeA ? chunkRows() * chunkTerms() : 0;
  return aligned(static_cast<std::size_t>(b) * sizeof(float)) + aligned(static_cast<std::size_t>(a) * sizeof(float));
}

void PackedGemm::run(const float* a, const float* b, float* y, void* scratch, const TileFinish& finish) const {
  // Threads share columns, or rows where columns are few: then each packs b.
  const Index threads = availableThreads();
  const bool byColumn = blocks() >= 2 * threads || blocks() * blockLanes >= gemm_.m;
  parallelFor(byColumn ? blocks() : gemm_.m, 1, [&](Index from, Index to, int member) {
    auto* own = static_cast<std::byte*>(scratch) + static_cast<std::size_t>(member) * shareBytes();
    const Index elements = isPacked_ ? 0 : chunkBlocks() * chunkTerms() * blockLanes;
    Share share{a,
                b,
                y,
                finish,
                reinterpret_cast<float*>(own),
                reinterpret_cast<float*>(own + aligned(static_cast<std::size_t>(elements) * sizeof(float)))};
    share.finish.addsResult = share.finish.addsResult || gemm_.accumulate;
    byColumn ? runShare(share, 0, gemm_.m, from, to) : runShare(share, from, to, 0, blocks());
  });
}

void PackedGemm::runShare(const Share& share, Index firstRow, Index endRow, Index firstBlock, Index endBlock) const {
  for (Index block = firstBlock; block < endBlock; block += chunkBlocks()) {
    const Index end = std::min(endBlock, block + chunkBlocks());
    for (Index term = 0; term < gemm_.k; term += mostTerms) {
      const Index terms = std::min(mostTerms, gemm_.k - term);
      const bool isLast = term + terms == gemm_.k;
      const float* weights = share.b + (block * gemm_.k + term) * blockLanes;
      if (!isPacked_) {
        packB(share.b, block, end, term, term + terms, share.packedB);
        weights = share.packedB;
      }
      const Index weightStep = (isPacked_ ? gemm_.k : terms) * blockLanes;
      for (Index row = firstRow; row < endRow; row += mostRows) {
        const Index rows = std::min(mostRows, endRow - row);
        const float* a = share.a + row * gemm_.k + term;
        if (gemm_.transposeA) {
          packA(share.a, row, row + rows, term, term + terms, share.packedA);
          a = share.packedA;
        }
        for (Index at = block; at < end;) {
          // The last block goes alone where it has columns that are not there.
          const bool isCut = end * blockLanes > gemm_.n;
          const Index left = end - at - (isCut ? 1 : 0), count = mostTileBlocks < 3 || left <= 1 ? 1
                                                                 : left % 2 == 0                 ? 2
                                                                                                 : 3;
          TileFinish finish;
          if (isLast) finish = share.finish;
          finish.bias = isLast && share.finish.bias ? share.finish.bias + at * blockLanes : nullptr;
          finish.addsResult = share.finish.addsResult || term > 0;
          SumTile tile{a,
                       nullptr,
                       nullptr,
                       0,
                       weights + (at - block) * weightStep,
                       weightStep,
                       share.y + row * gemm_.n + at * blockLanes,
                       nullptr,
                       blockLanes,
                       finish};
          multiply(tile, rows, gemm_.transposeA ? terms : gemm_.k, terms, count,
                   std::min(count * blockLanes, gemm_.n - at * blockLanes));
          at += count;
        }
      }
    }
  }
}

void PackedGemm::multiply(SumTile tile, Index rows, Index rowStep, Index terms, Index blocks, Index columns) const {
  constexpr Index most = 8;
  static_assert(mostTilePositions(1) <= most);
  const Index together = mostTilePositions(blocks), tiles = (rows + together - 1) / together;
  const Index whole = terms / blockLanes, rest = terms % blockLanes;
  const bool isCut = columns < blocks * blockLanes;
  alignas(64) float cut[most * blockLanes], bias[blockLanes] = {};
  if (isCut && tile.finish.bias) {
    std::copy_n(tile.finish.bias, columns, bias);
    tile.finish.bias = bias;
  }
  Index positions[most], outputs[most];
  for (Index i = 0; i < together; i++) {
    positions[i] = i * rowStep;
    outputs[i] = i * (isCut ? blockLanes : gemm_.n);
  }
  for (Index i = 0; i < tiles; i++) {  // of about equal size
    const Index row = rows * i / tiles, count = rows * (i + 1) / tiles - row;
    SumTile part = tile;
    part.x += row * rowStep;
    part.y += row * gemm_.n;
    float* y = part.y;
    part.positions = positions;
    part.outputs = outputs;
    if (isCut) {
      part.y = cut;
      for (Index r = 0; r < count; r++) {
        std::fill_n(cut + r * blockLanes, blockLanes, 0.0f);
        if (tile.finish.addsResult) std::copy_n(y + r * gemm_.n, columns, cut + r * blockLanes);
      }
    }
    if (whole > 0) {
      part.terms = blockedTerms.data();
      part.count = whole;
      if (rest > 0) part.finish = {.addsResult = tile.finish.addsResult};
      sumFor(count, blocks, true)(part);
    }
    if (rest > 0) {
      part.terms = singleTerms.data();
      part.count = rest;
      part.x += whole * blockLanes;
      part.weights += whole * blockLanes * blockLanes;
      part.finish = tile.finish;
      part.finish.addsResult = tile.finish.addsResult || whole > 0;
      sumFor(count, blocks, false)(part);
    }
    if (isCut) {
      for (Index r = 0; r < count; r++) std::copy_n(cut + r * blockLanes, columns, y + r * gemm_.n);
    }
  }
}

void PackedGemm::packB(const float* b, Index firstBlock, Index endBlock, Index firstTerm, Index endTerm,
                       float* packed) const {
  const Index terms = endTerm - firstTerm;
  for (Index block = firstBlock; block < endBlock; block++, packed += terms * blockLanes) {
    const Index column = block * blockLanes, lanes = std::min<Index>(blockLanes, gemm_.n - column);
    if (lanes < blockLanes) std::fill_n(packed, terms * blockLanes, 0.0f);
    if (gemm_.transposeB) {
      const float* from = b + column * gemm_.k + firstTerm;
      if (lanes == blockLanes) {
        for (Index t = 0; t < terms; t++) {
#pragma GCC unroll 16
          for (int lane = 0; lane < blockLanes; lane++) packed[t * blockLanes + lane] = from[lane * gemm_.k + t];
        }
        continue;
      }
      for (Index lane = 0; lane < lanes; lane++) {
        for (Index t = 0; t < terms; t++) packed[t * blockLanes + lane] = from[lane * gemm_.k + t];
      }
    } else {
      const float* from = b + firstTerm * gemm_.n + column;
      for (Index t = 0; t < terms; t++) std::copy_n(from + t * gemm_.n, lanes, packed + t * blockLanes);
    }
  }
}

// [K, M] → [rows][terms]
void PackedGemm::packA(const float* a, Index firstRow, Index endRow, Index firstTerm, Index endTerm,
                       float* packed) const {
  const Index rows = endRow - firstRow, terms = endTerm - firstTerm;
  for (Index t = 0; t < terms; t++) {
    const float* from = a + (firstTerm + t) * gemm_.m + firstRow;
    for (Index r = 0; r < rows; r++) packed[r * terms + t] = from[r];
  }
}

}  // namespace cnn::cpu

// Matrix products by register tiles: blocks of b are packed so that a tile reads them in one go, and stay in a cache
// while rows of a pass by.
#pragma once

#include "gemm.hpp"
#include "register_tile.hpp"

namespace cnn::cpu {

class PackedGemm {
 public:
  /// `isPacked`: b lies as [blocks of N][K][blockLanes], zeros behind its last column.
  explicit PackedGemm(const Gemm& gemm, bool isPacked = false) : gemm_(gemm), isPacked_(isPacked) {}

  /// Of so many threads.
  std::size_t scratchBytes(int threads) const { return static_cast<std::size_t>(threads) * shareBytes(); }
  /// `bias` [N] or null is added, and sums are held between the bounds of `finish`.
  void run(const float* a, const float* b, float* y, void* scratch, const TileFinish& finish = {}) const;

 private:
  struct Share {
    const float *a, *b;
    float* y;
    TileFinish finish;
    float *packedB, *packedA;
  };
  Index blocks() const { return (gemm_.n + blockLanes - 1) / blockLanes; }
  Index chunkBlocks() const;
  Index chunkTerms() const;
  Index chunkRows() const;
  std::size_t shareBytes() const;
  void runShare(const Share& share, Index firstRow, Index endRow, Index firstBlock, Index endBlock) const;
  void packB(const float* b, Index firstBlock, Index endBlock, Index firstTerm, Index endTerm, float* packed) const;
  void packA(const float* a, Index firstRow, Index endRow, Index firstTerm, Index endTerm, float* packed) const;
  void multiply(SumTile tile, Index rows, Index rowStep, Index terms, Index blocks, Index columns) const;

  Gemm gemm_;
  bool isPacked_;
};

}  // namespace cnn::cpu

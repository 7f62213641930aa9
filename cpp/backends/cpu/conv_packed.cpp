// Units of work, each some positions of a sample and some of its outputs, and how threads share them.
#include "conv_packed.hpp"

#include <algorithm>

#include "conv_bands.hpp"
#include "packed_weights.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

// Of inputs of a band, so that they stay in the second-level cache beside the outputs; and of weights of a tile, in the
// first-level one.
constexpr Index bandBytes = 160 << 10, outputBytes = 128 << 10;
constexpr Index leastPositions = 48, mostPositions = 512;
constexpr Index chunkTerms = 256;
// Passes beyond this many, of strides that leave most outputs without a term, are left to the reference loops.
constexpr Index mostPasses = 1024;

class PackedConvolution {
 public:
  PackedConvolution(ConvPasses passes, const PackedWeights& weights, Index samples, Index outputLanes, int threads)
      : conv_(std::move(passes)), weights_(weights), samples_(samples), outputLanes_(outputLanes), threads_(threads) {
    const Index positions = std::clamp<Index>(outputBytes / static_cast<Index>(sizeof(float)) / weights.outputs,
                                              leastPositions, mostPositions);
    Index pieces = 0;
    for (Index i = 0; i < conv_.count(); i++) {
      Band band = makeBand(conv_, conv_.pass(i), weights.inputBlocks(),
                           weights.isDepthwise ? blockLanes : weights.inputLanes, bandBytes, positions);
      std::vector<Term> terms = termsOf(conv_, band, weights.inputBlocks(), weights.termStep());
      pieces += band.pieces();
      copied_ = std::max(copied_, band.copiedElements(weights.inputBlocks()));
      positions_ = std::max(positions_, band.rows * band.columns);
      parts_.push_back({std::move(band), std::move(terms), pieces});
    }
    // Where there are few units, those who share a piece have some outputs each.
    const Index units = samples * pieces * weights.groups;
    if (units % threads != 0 && units < 8 * threads)
      splits_ = std::clamp<Index>((8 * threads + units - 1) / units, 1, weights.outputBlocks());
    splits_ = units >= threads ? std::min<Index>(splits_, std::max<Index>(1, weights.outputBlocks() / mostTileBlocks))
                               : splits_;
  }

  std::size_t scratchBytes() const { return static_cast<std::size_t>(threads_) * shareBytes(); }

  void run(const float* x, const float* weights, float* y, const TileFinish& finish, void* scratch) const {
    ThreadScope scope(threads_);
    const Index pieces = parts_.back().endPiece;
    parallelFor(samples_ * pieces * weights_.groups * splits_, 1, [&](Index from, Index to, int member) {
      auto* own = static_cast<std::byte*>(scratch) + static_cast<std::size_t>(member) * shareBytes();
      auto* positions = reinterpret_cast<Index*>(own);
      Share share{x,
                  weights,
                  y,
                  finish,
                  positions,
                  positions + positions_,
                  reinterpret_cast<float*>(own + aligned(static_cast<std::size_t>(2 * positions_) * sizeof(Index)))};
      for (Index unit = from; unit < to; unit++) {
        const Index split = unit % splits_, group = unit / splits_ % weights_.groups,
                    piece = unit / splits_ / weights_.groups % pieces;
        const auto part =
            std::find_if(parts_.begin(), parts_.end(), [piece](const Part& each) { return piece < each.endPiece; });
        runPiece(share, *part, unit / splits_ / weights_.groups / pieces,
                 piece - (part->endPiece - part->band.pieces()), group, split);
      }
    });
  }

 private:
  struct Part {
    Band band;
    std::vector<Term> terms;
    Index endPiece;  // of a sample, those of the parts before included
  };
  struct Share {
    const float *x, *weights;
    float* y;
    TileFinish finish;
    Index *positions, *outputs;
    float* copy;
    const Part* part = nullptr;  // whose positions are there
    Index number = 0;
  };

  std::size_t shareBytes() const {
    return aligned(static_cast<std::size_t>(2 * positions_) * sizeof(Index)) +
           aligned(static_cast<std::size_t>(copied_) * sizeof(float));
  }

  void locate(const Share& share, const Band& band, const BandPiece& piece) const {
    const auto& [depth, height, width] = band.pass;
    Index* position = share.positions;
    Index* output = share.outputs;
    const Index z = depth.outStart + piece.slice * depth.outStep;
    const Index step = width.inStep * band.lanes, outputStep = width.outStep * outputLanes_;
    for (Index r = 0; r < piece.rows; r++) {
      const Index row = (z * conv_.out[1] + height.outStart + (piece.firstRow + r) * height.outStep) * conv_.out[2];
      Index from = r * height.inStep * band.rowStep,
            to = (row + width.outStart + piece.firstColumn * width.outStep) * outputLanes_;
      for (Index c = 0; c < piece.columns; c++, from += step, to += outputStep) {
        *position++ = from;
        *output++ = to;
      }
    }
  }

  void runPiece(Share& share, const Part& part, Index sample, Index number, Index group, Index split) const {
    const Band& band = part.band;
    const BandPiece piece = pieceOf(band, number);
    const Index planeIn = conv_.plane(conv_.in), planeOut = conv_.plane(conv_.out);
    const Index place = sample * weights_.groups + group;
    const float* x =
        readPiece(conv_, band, piece, share.x + place * weights_.inputs * planeIn, weights_.inputBlocks(), share.copy);
    if (share.part != &part || share.number != number) {  // those of the unit before, of other channels, serve again
      locate(share, band, piece);
      share.part = &part;
      share.number = number;
    }
    float* y = share.y + place * weights_.outputs * planeOut;
    const float* bias = share.finish.bias ? share.finish.bias + group * weights_.outputs : nullptr;
    const float* weights = share.weights + group * weights_.outputBlocks() * weights_.blockStep();
    const Index firstBlock = weights_.outputBlocks() * split / splits_,
                endBlock = weights_.outputBlocks() * (split + 1) / splits_;

    // The sums of some terms at a time, whose weights then stay in the first-level cache for all positions.
    const Index inputBlocks = weights_.inputBlocks(), ofBlock = static_cast<Index>(part.terms.size()) / inputBlocks;
    const Index chunkBlocks = std::max<Index>(1, chunkTerms / std::max<Index>(1, ofBlock * weights_.inputLanes));
    const Index chunks = outputLanes_ == 1 || ofBlock == 0 ? 1 : (inputBlocks + chunkBlocks - 1) / chunkBlocks;
    for (Index chunk = 0; chunk < chunks; chunk++) {
      const Index first = inputBlocks * chunk / chunks, end = inputBlocks * (chunk + 1) / chunks;
      TileFinish finish;
      finish.addsResult = chunk > 0 || share.finish.addsResult;
      if (chunk == chunks - 1) {
        finish = share.finish;
        finish.addsResult = finish.addsResult || chunk > 0;
      }
      for (Index block = firstBlock; block < endBlock;) {
        const Index left = endBlock - block, blocks = mostTileBlocks < 3 || weights_.isDepthwise || left == 1 ? 1
                                                      : left % 2 == 0                                         ? 2
                                                                                                              : 3;
        finish.bias = bias && chunk == chunks - 1 ? bias + block * blockLanes : nullptr;
        SumTile tile{x,
                     nullptr,
                     part.terms.data() + first * ofBlock,
                     (end - first) * ofBlock,
                     weights + block * weights_.blockStep(),
                     weights_.blockStep(),
                     y + block * blockLanes * planeOut,
                     nullptr,
                     blockLanes * planeOut,
                     finish};
        runTiles(share, tile, piece.positions(), blocks,
                 std::min(blocks * blockLanes, weights_.outputs - block * blockLanes), planeOut);
        block += blocks;
      }
    }
  }

  void runTiles(const Share& share, SumTile& tile, Index positions, Index blocks, Index outputs, Index planeOut) const {
    const Index most = mostTilePositions(blocks), pieces = (positions + most - 1) / most;
    // Of about equal size: the first `larger` have a position more.
    const Index size = positions / pieces, larger = positions % pieces;
    auto sumOf = [&](Index count) {
      return weights_.isDepthwise ? sumByLaneFor(count) : sumFor(count, blocks, weights_.inputLanes > 1);
    };
    const Sum smaller = sumOf(size), greater = larger > 0 ? sumOf(size + 1) : smaller;
    tile.positions = share.positions;
    tile.outputs = share.outputs;
    for (Index i = 0; i < pieces; i++) {
      const Index count = i < larger ? size + 1 : size;
      const Sum sum = i < larger ? greater : smaller;
      if (outputLanes_ == 1) {
        runToPlanes(tile, sum, count, blocks, outputs, planeOut);
      } else {
        sum(tile);
      }
      tile.positions += count;
      tile.outputs += count;
    }
  }

  // Outputs that lie in planes of their own.
  void runToPlanes(const SumTile& tile, Sum sum, Index count, Index blocks, Index outputs, Index planeOut) const {
    constexpr Index most = 8, mostSums = most * mostTileBlocks * blockLanes;
    static_assert(mostTilePositions(1) <= most);
    alignas(64) float sums[mostSums];
    Index places[most];
    const Index step = blocks * blockLanes;
    for (Index i = 0; i < count; i++) places[i] = i * step;
    SumTile whole = tile;
    whole.y = sums;
    whole.outputs = places;
    whole.outputStep = blockLanes;
    whole.finish = {};
    sum(whole);
    const TileFinish& finish = tile.finish;
    for (Index o = 0; o < outputs; o++) {
      const float bias = finish.bias ? finish.bias[o] : 0.0f;
      float* plane = tile.y + o * planeOut;
      for (Index i = 0; i < count; i++) {
        float& to = plane[tile.outputs[i]];
        float value = sums[i * step + o] + bias;
        if (finish.addsResult) value += to;
        value = value < finish.lowest ? finish.lowest : value;  // NaN stays
        to = value > finish.highest ? finish.highest : value;
      }
    }
  }

  ConvPasses conv_;
  PackedWeights weights_;
  Index samples_, outputLanes_;
  int threads_;
  std::vector<Part> parts_;
  Index splits_ = 1, copied_ = 0, positions_ = 0;
};

bool isAsPacked(const ConvCase& conv, const PackedLanes& lanes) {
  const Geometry& g = conv.geometry;
  return g.dtype == DType::float32 && conv.x == conv.engine.layoutWithLanes(g.x, lanes.x) &&
         conv.y == conv.engine.layoutWithLanes(g.y, lanes.y);
}

// The order of packed weights as a layout of the plain ones [O, C/groups, kernel…], where it is one.
std::optional<Layout> layoutOfWeights(const ConvCase& conv, const PackedWeights& weights) {
  if (weights.groups > 1 && weights.outputs % blockLanes != 0) return std::nullopt;
  const Dims& shape = conv.signature.inputs[1].shape;
  Format format = plainFormat(shape.size());
  if (weights.inputLanes > 1 && !weights.isDepthwise) format.push_back({1, weights.inputLanes});
  format.push_back({0, blockLanes});
  return conv.engine.layouts.intern(format, shape);
}

std::size_t bytesOf(const Dims& shape) { return static_cast<std::size_t>(shape.product()) * sizeof(float); }

// Pointers: input, weights, output, bias.
std::optional<Candidate> candidateOf(const ConvCase& conv, ConvPasses passes, const PackedWeights& weights,
                                     Index outputLanes, const TileFinish& finish) {
  if (passes.count() > mostPasses) return std::nullopt;
  const Geometry& g = conv.geometry;
  PackedConvolution convolution(std::move(passes), weights, g.x[0], outputLanes, conv.threads);
  Candidate candidate;
  candidate.name = "packed";
  std::optional<Layout> kept =
      conv.signature.isStable(1) && !weights.isTransposed ? layoutOfWeights(conv, weights) : std::nullopt;
  if (kept) candidate.weight = *kept;
  const auto packedBytes = static_cast<std::size_t>(weights.elements()) * sizeof(float);
  const std::size_t scratchAt = kept ? 0 : aligned(packedBytes);
  candidate.workspaceBytes = scratchAt + convolution.scratchBytes();
  candidate.bytes = {bytesOf(weights.isTransposed ? g.y : g.x), kept ? packedBytes : bytesOf(g.weight),
                     bytesOf(weights.isTransposed ? g.x : g.y), conv.hasBias ? bytesOf(g.bias) : 0};
  candidate.run = [=, convolution = std::move(convolution), isKept = kept.has_value()](Candidate::Pointers pointers,
                                                                                       void* workspace) {
    auto at = [&](std::size_t i) {
      return i < pointers.size() ? static_cast<float*>(const_cast<void*>(pointers[i])) : nullptr;
    };
    const float* packed = at(1);
    if (!isKept) {
      weights.pack(at(1), static_cast<float*>(workspace));
      packed = static_cast<const float*>(workspace);
    }
    TileFinish own = finish;
    own.bias = at(3);
    convolution.run(at(0), packed, at(2), own, static_cast<std::byte*>(workspace) + scratchAt);
  };
  return candidate;
}

Index tapsOf(const Geometry& g) {
  return g.weight.slice(g.weight.size() - static_cast<int>(g.stride.size())).product();
}

}  // namespace

PackedLanes packedLanes(const Geometry& g) {
  const Index inputs = g.x[1] / g.groups, outputs = g.y[1] / g.groups;
  if (g.groups > 1 && inputs == 1 && outputs == 1 && g.groups % blockLanes == 0) return {blockLanes, blockLanes, true};
  auto lanes = [](Index channels) { return channels % blockLanes == 0 ? blockLanes : 1; };
  return {lanes(inputs), lanes(outputs)};
}

std::optional<Candidate> packedForward(const ConvCase& conv, bool hasResidual, Activation activation) {
  const Geometry& g = conv.geometry;
  const PackedLanes lanes = packedLanes(g);
  if (!isAsPacked(conv, lanes)) return std::nullopt;
  TileFinish finish{.addsResult = hasResidual};
  if (activation != Activation::identity) finish.lowest = 0;
  if (activation == Activation::relu6) finish.highest = 6;
  PackedWeights weights{g.groups, g.y[1] / g.groups, g.x[1] / g.groups, tapsOf(g), lanes.x};
  if (lanes.isDepthwise) weights = {g.groups / blockLanes, blockLanes, blockLanes, tapsOf(g), blockLanes, false, true};
  return candidateOf(conv, forwardPasses(g), weights, lanes.y, finish);
}

std::optional<Candidate> packedBackwardData(const ConvCase& conv) {
  const Geometry& g = conv.geometry;
  const PackedLanes lanes = packedLanes(g);
  if (!isAsPacked(conv, lanes)) return std::nullopt;
  PackedWeights weights{g.groups, g.x[1] / g.groups, g.y[1] / g.groups, tapsOf(g), lanes.y, true};
  if (lanes.isDepthwise) weights = {g.groups / blockLanes, blockLanes, blockLanes, tapsOf(g), blockLanes, true, true};
  return candidateOf(conv, backwardDataPasses(g), weights, lanes.x, {});
}

}  // namespace cnn::cpu

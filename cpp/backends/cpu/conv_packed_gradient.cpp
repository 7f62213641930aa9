// The gradient of the weights by register tiles: each thread has some input channels, some output channels, or, where
// weights are few, sums of its own over some samples.
#include <algorithm>

#include "conv_bands.hpp"
#include "conv_packed.hpp"
#include "packed_weights.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

constexpr Index bandBytes = 128 << 10;
constexpr Index mostPositions = 256;  // so that those of a tile of dy stay in the first-level cache
constexpr Index mostOwnSums = 1 << 18;

enum class Sharing { samples, inputs, outputs };

class PackedGradient {
 public:
  PackedGradient(ConvPasses passes, const PackedWeights& weights, Index samples, Index outputLanes, int threads)
      : conv_(std::move(passes)), weights_(weights), samples_(samples), outputLanes_(outputLanes), threads_(threads) {
    const Index inputItems = weights.groups * weights.inputBlocks(),
                outputItems = weights.groups * weights.outputBlocks();
    if (samples >= threads && weights.elements() <= mostOwnSums) {
      sharing_ = Sharing::samples;
    } else {
      sharing_ = inputItems >= 2 * threads || inputItems >= outputItems ? Sharing::inputs : Sharing::outputs;
    }
    const Index lanes = weights.isDepthwise ? blockLanes : weights.inputLanes;
    band_ = makeBand(conv_, conv_.pass(0), weights.inputBlocks(), lanes, bandBytes, mostPositions);
    for (const Term& term : termsOf(conv_, band_, weights.inputBlocks(), weights.termStep())) {
      for (Index lane = 0; lane < (weights.isDepthwise ? 1 : lanes); lane++) terms_.push_back(term.input + lane);
    }
    copied_ = band_.copiedElements(weights.inputBlocks());
  }

  std::size_t scratchBytes() const {
    return aligned(static_cast<std::size_t>(parts() * weights_.elements()) * sizeof(float)) +
           static_cast<std::size_t>(threads_) * shareBytes();
  }

  void run(const float* x, const float* dy, float* dw, void* scratch) const {
    ThreadScope scope(threads_);
    auto* sums = static_cast<float*>(scratch);
    auto* shares = static_cast<std::byte*>(scratch) +
                   aligned(static_cast<std::size_t>(parts() * weights_.elements()) * sizeof(float));
    const Index inputBlocks = weights_.inputBlocks(), outputBlocks = weights_.outputBlocks();
    const Index items = sharing_ == Sharing::samples
                            ? samples_
                            : weights_.groups * (sharing_ == Sharing::inputs ? inputBlocks : outputBlocks);
    if (sharing_ == Sharing::samples)
      std::fill_n(sums, parts() * weights_.elements(), 0.0f);  // a part without samples stays zero
    parallelFor(items, 1, [&](Index from, Index to, int member) {
      auto* own = reinterpret_cast<float*>(shares + static_cast<std::size_t>(member) * shareBytes());
      if (sharing_ == Sharing::samples) {
        for (Index group = 0; group < weights_.groups; group++) {
          runShare({x, dy, sums + member * weights_.elements(), own, group, 0, inputBlocks, 0, outputBlocks, from, to});
        }
        return;
      }
      const bool byInput = sharing_ == Sharing::inputs;
      const Index ofGroup = byInput ? inputBlocks : outputBlocks;
      for (Index item = from; item < to;) {  // a group, or what of it is in the share
        const Index group = item / ofGroup, first = item % ofGroup, end = std::min(ofGroup, first + to - item);
        Share share{x, dy, sums, own, group, 0, inputBlocks, 0, outputBlocks, 0, samples_};
        (byInput ? share.firstInput : share.firstOutput) = first;
        (byInput ? share.endInput : share.endOutput) = end;
        clear(share);
        runShare(share);
        item += end - first;
      }
    });
    weights_.unpackSum(sums, parts(), dw);
  }

  /// The sums of dy, a number for each output channel.
  void sumOutputs(const float* dy, float* dbias) const {
    ThreadScope scope(threads_);
    const Index channels = weights_.groups * weights_.outputs, plane = conv_.plane(conv_.out),
                blocks = channels / outputLanes_;
    parallelRows(blocks, samples_ * plane * outputLanes_, [&](Index from, Index to) {
      for (Index block = from; block < to; block++) {
        double sums[blockLanes] = {};
        for (Index sample = 0; sample < samples_; sample++) {
          const float* from = dy + (sample * blocks + block) * plane * outputLanes_;
          if (outputLanes_ == 1) {
            double sum = 0;
#pragma omp simd reduction(+ : sum)
            for (Index i = 0; i < plane; i++) sum += static_cast<double>(from[i]);
            sums[0] += sum;
            continue;
          }
          constexpr Index together = 64;  // in float32
          for (Index first = 0; first < plane; first += together) {
            winograd::Vector sum{};
            for (Index i = first; i < std::min(first + together, plane); i++)
              sum += load<winograd::Vector>(from + i * blockLanes);
            for (int lane = 0; lane < blockLanes; lane++) sums[lane] += static_cast<double>(sum[lane]);
          }
        }
        for (Index lane = 0; lane < outputLanes_; lane++)
          dbias[block * outputLanes_ + lane] = static_cast<float>(sums[lane]);
      }
    });
  }

 private:
  struct Share {
    const float *x, *dy;
    float *sums, *scratch;
    Index group, firstInput, endInput, firstOutput, endOutput, firstSample, endSample;
  };

  Index parts() const { return sharing_ == Sharing::samples ? threads_ : 1; }
  Index packedOutputs() const {
    return outputLanes_ > 1 ? 0 : weights_.outputBlocks() * band_.rows * band_.columns * blockLanes;
  }
  std::size_t shareBytes() const {
    return aligned(static_cast<std::size_t>(copied_) * sizeof(float)) +
           aligned(static_cast<std::size_t>(packedOutputs()) * sizeof(float));
  }
  float* sumsOf(const Share& share, Index block) const {
    return share.sums + (share.group * weights_.outputBlocks() + block) * weights_.blockStep() +
           share.firstInput * weights_.taps * weights_.termStep();
  }

  void clear(const Share& share) const {
    const Index count = (share.endInput - share.firstInput) * weights_.taps * weights_.termStep();
    for (Index block = share.firstOutput; block < share.endOutput; block++)
      std::fill_n(sumsOf(share, block), count, 0.0f);
  }

  // Plain planes of dy → [block][position][lane], zeros where there is no output.
  void packOutputs(const BandPiece& piece, const float* dy, Index firstBlock, Index endBlock, float* packed) const {
    const Index plane = conv_.plane(conv_.out), width = conv_.out[2];
    for (Index block = firstBlock; block < endBlock; block++) {
      float* to = packed + (block - firstBlock) * piece.positions() * blockLanes;
      for (Index lane = 0; lane < blockLanes; lane++) {
        const Index output = block * blockLanes + lane;
        const float* from =
            dy + output * plane + (piece.slice * conv_.out[1] + piece.firstRow) * width + piece.firstColumn;
        for (Index r = 0; r < piece.rows; r++) {
          for (Index c = 0; c < piece.columns; c++)
            to[(r * piece.columns + c) * blockLanes + lane] = output < weights_.outputs ? from[r * width + c] : 0.0f;
        }
      }
    }
  }

  void runShare(const Share& share) const {
    const Index planeIn = conv_.plane(conv_.in), planeOut = conv_.plane(conv_.out), width = conv_.out[2];
    const auto& [depth, height, columns] = band_.pass;
    float* packed = share.scratch + aligned(static_cast<std::size_t>(copied_) * sizeof(float)) / sizeof(float);
    const Index inputs = share.endInput - share.firstInput;
    const Index terms = static_cast<Index>(terms_.size()) / weights_.inputBlocks() * inputs;
    for (Index sample = share.firstSample; sample < share.endSample; sample++) {
      const Index place = sample * weights_.groups + share.group;
      const float* image = share.x + (place * weights_.inputs + share.firstInput * band_.lanes) * planeIn;
      const float* gradient = share.dy + place * weights_.outputs * planeOut;
      for (Index number = 0; number < band_.pieces(); number++) {
        const BandPiece piece = pieceOf(band_, number);
        GradientTile tile{};
        tile.x = readPiece(conv_, band_, piece, image, inputs, share.scratch);
        tile.rows = piece.rows;
        tile.columns = piece.columns;
        tile.rowStep = height.inStep * band_.rowStep;
        tile.columnStep = columns.inStep * band_.lanes;
        tile.dwStep = weights_.blockStep();
        const float* dy = packed;
        if (outputLanes_ > 1) {
          dy = gradient + (share.firstOutput * planeOut + (piece.slice * conv_.out[1] + piece.firstRow) * width +
                           piece.firstColumn) *
                              blockLanes;
          tile.dyStep = planeOut * blockLanes;
          tile.dyRowStep = width * blockLanes;
        } else {
          packOutputs(piece, gradient, share.firstOutput, share.endOutput, packed);
          tile.dyStep = piece.positions() * blockLanes;
          tile.dyRowStep = piece.columns * blockLanes;
        }
        for (Index block = share.firstOutput; block < share.endOutput;) {
          const Index left = share.endOutput - block, blocks = mostTileBlocks < 3 || weights_.isDepthwise || left == 1
                                                                   ? 1
                                                               : left % 2 == 0 ? 2
                                                                               : 3;
          tile.dy = dy + (block - share.firstOutput) * tile.dyStep;
          const Index most = mostTilePositions(blocks), pieces = (terms + most - 1) / most;
          for (Index i = 0; i < pieces; i++) {
            const Index from = terms * i / pieces, count = terms * (i + 1) / pieces - from;
            tile.terms = terms_.data() + from;
            tile.dw = sumsOf(share, block) + from * blockLanes;
            (weights_.isDepthwise ? gradientByLaneFor(count) : gradientFor(count, blocks))(tile);
          }
          block += blocks;
        }
      }
    }
  }

  ConvPasses conv_;
  PackedWeights weights_;
  Index samples_, outputLanes_;
  int threads_;
  Sharing sharing_;
  Band band_;
  std::vector<Index> terms_;  // floats to each, as PackedWeights orders them
  Index copied_ = 0;
};

std::size_t bytesOf(const Dims& shape) { return static_cast<std::size_t>(shape.product()) * sizeof(float); }

}  // namespace

std::optional<Candidate> packedBackwardWeight(const ConvCase& conv) {
  const Geometry& g = conv.geometry;
  const PackedLanes lanes = packedLanes(g);
  if (g.dtype != DType::float32 || conv.x != conv.engine.layoutWithLanes(g.x, lanes.x) ||
      conv.y != conv.engine.layoutWithLanes(g.y, lanes.y))
    return std::nullopt;
  const Index taps = g.weight.slice(g.weight.size() - static_cast<int>(g.stride.size())).product();
  PackedWeights weights{g.groups, g.y[1] / g.groups, g.x[1] / g.groups, taps, lanes.x};
  if (lanes.isDepthwise) weights = {g.groups / blockLanes, blockLanes, blockLanes, taps, blockLanes, false, true};
  PackedGradient gradient(forwardPasses(g), weights, g.x[0], lanes.y, conv.threads);
  Candidate candidate{.name = "packed", .workspaceBytes = gradient.scratchBytes()};
  candidate.bytes = {bytesOf(g.x), bytesOf(g.y), bytesOf(g.weight), conv.hasBias ? bytesOf(g.bias) : 0};
  candidate.run = [gradient = std::move(gradient)](Candidate::Pointers pointers, void* workspace) {
    auto at = [&](std::size_t i) {
      return i < pointers.size() ? static_cast<float*>(const_cast<void*>(pointers[i])) : nullptr;
    };
    gradient.run(at(0), at(1), at(2), workspace);
    if (at(3)) gradient.sumOutputs(at(1), at(3));
  };
  return candidate;
}

}  // namespace cnn::cpu

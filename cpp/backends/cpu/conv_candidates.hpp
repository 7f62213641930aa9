// The ways to compute one convolution: whole or in pieces, directly or by Winograd's algorithm; and which of them is taken.
#pragma once

#include <array>
#include <functional>

#include "conv_geometry.hpp"
#include "core/backend.hpp"
#include "parallel.hpp"
#include "team.hpp"

namespace cnn::cpu {

using dnnl::algorithm;

/// How a tensor of the door's is handed to a primitive: in a layout of its own, or plain and reordered inside the kernel.
struct WeightPlan {
  Layout layout;
  bool reorders = false;
};

WeightPlan planWeight(Engine& engine, const MemoryDesc& desc, const Geometry& geometry, const Dims& shape, Effort effort);

/// A convolution made ready: its primitives and, where the weights have an order of oneDNN's own, the reorder between that and the plain
/// one. It runs in a workspace of [reordered weights | scratch memory].
struct Launch {
  Team conv;
  Primitive reorder;
  std::size_t scratchAt = 0;

  std::size_t workspaceBytes() const { return scratchAt + std::max(conv.scratchBytes(), reorder.scratchBytes()); }
  void* scratch(const Run& run) const { return run.workspace ? static_cast<char*>(run.workspace) + scratchAt : nullptr; }
  // The weights as the convolution reads them.
  const void* weight(const Run& run, int input) const {
    if (!reorder) return run.in<void>(input);
    reorder.run({run.in<void>(input), run.workspace}, scratch(run));
    return run.workspace;
  }
};

/// One way to compute a convolution.
struct Candidate {
  std::string name;
  std::shared_ptr<Launch> launch;
  Layout weight;
  std::array<std::size_t, 4> bytes{};  // of each argument
  std::function<void()> tune;          // finds out whether another is faster
};

/// The fastest here, as timed once on this machine, the earlier of two that are level. While that is not known: the first, and how to find out.
std::pair<Candidate, std::function<void()>> fastest(Engine& engine, std::string_view kind, const Geometry& g, const std::vector<Candidate>& candidates,
                                                    int threads);

/// The format of weights whose outermost step goes over the output channels, so that those of some channels lie in one run; nothing for others.
std::optional<Format> outputsFirst(const MemoryDesc& desc, const Geometry& geometry);

enum class Direction { forward, backwardData, backwardWeight };
std::string_view nameOf(Direction direction);

/// Makes the candidates for one convolution whose activations lie in known layouts.
template <class AnyConv>
class Maker {
 public:
  using Desc = typename AnyConv::primitive_desc;
  // The desc of a convolution of this geometry, its activations in those descs; empty where oneDNN has nothing.
  using Describe = std::function<Desc(const Geometry&, const MemoryDesc& x, const MemoryDesc& y, algorithm)>;
  // The arguments of the primitive in the order in which pointers come, and the places of x, weight, y and bias among them (-1: none).
  using ArgumentsOf = std::function<std::vector<Primitive::Argument>(const Desc&)>;
  struct Order {
    int x, weight, y, bias;
  };

  Maker(Engine& engine, const Signature& signature, Direction direction, const Geometry& whole, const Dims& plainWeight, Layout x, Layout y, int threads, Order order,
        Describe describe, ArgumentsOf argumentsOf)
      : engine_(engine), signature_(signature), direction_(direction), whole_(whole), plainWeight_(plainWeight), x_(x), y_(y), threads_(threads), order_(order),
        describe_(std::move(describe)), argumentsOf_(std::move(argumentsOf)) {}

  // Nothing where oneDNN has no such implementation, or would do the pieces by another one than the whole, which `direct` describes.
  std::optional<Candidate> make(const std::vector<Part>& parts, algorithm how, const Desc& direct) const {
    bool isWhole = parts.size() == 1, sharesWeights = parts.back().output == 0;
    int threads = isWhole ? threads_ : 1;
    ThreadScope scope(threads);
    auto launch = std::make_shared<Launch>();
    std::vector<Desc> descs;
    for (const Part& part : parts) {
      const Geometry& g = part.geometry;
      auto descOf = [&](int argument, const Dims& shape) { return runOf(argumentsOf_(direct)[static_cast<std::size_t>(argument)].desc, shape); };
      Desc desc = describe_(g, descOf(order_.x, g.x), descOf(order_.y, g.y), how);
      if (!desc) return std::nullopt;
      bool isTransformed = implementation(desc).find("wino") != std::string::npos;
      if (how == algorithm::convolution_winograd ? !isTransformed : implementation(desc) != implementation(direct)) return std::nullopt;
      descs.push_back(std::move(desc));
    }
    auto weightDesc = [&](std::size_t i) { return argumentsOf_(descs[i])[static_cast<std::size_t>(order_.weight)].desc; };
    bool isGradient = direction_ == Direction::backwardWeight;  // which others read: in an order that they know
    WeightPlan plan = planWeight(engine_, weightDesc(0), whole_, plainWeight_, isGradient ? Effort::eager : signature_.effort);
    std::size_t weightBytes = weightDesc(0).get_size();
    if (sharesWeights) {
      for (std::size_t i = 1; i < parts.size(); i++) {
        if (weightDesc(i) != weightDesc(0)) return std::nullopt;
      }
    } else {  // each part's weights are a run of the whole ones
      auto format = outputsFirst(weightDesc(0), parts[0].geometry);
      if (!format) return std::nullopt;
      for (std::size_t i = 1; i < parts.size(); i++) {
        if (outputsFirst(weightDesc(i), parts[i].geometry) != format) return std::nullopt;
        weightBytes += weightDesc(i).get_size();
      }
      plan = {engine_.layouts.intern(*format, plainWeight_), false};
      if (weightBytes != static_cast<std::size_t>(paddedElements(*format, plainWeight_)) * sizeOf(whole_.dtype)) return std::nullopt;
    }
    Candidate candidate{text(implementation(descs[0]), isWhole ? "" : sharesWeights ? "/samples" : "/channels", engine_.isOpaque(plan.layout) ? "/transformed" : ""), launch, plan.layout};
    std::size_t weightAt = 0, size = sizeOf(whole_.dtype);
    for (std::size_t i = 0; i < parts.size(); i++) {
      std::vector<Primitive::Argument> arguments = argumentsOf_(descs[i]);
      std::vector<std::size_t> offsets(arguments.size());
      auto place = [&](int at, Index elements) {
        if (at >= 0) offsets[static_cast<std::size_t>(at)] = static_cast<std::size_t>(elements) * size;
      };
      place(order_.x, parts[i].x);
      place(order_.y, parts[i].y);
      place(order_.bias, parts[i].output);
      offsets[static_cast<std::size_t>(order_.weight)] = weightAt;
      if (!sharesWeights) weightAt += weightDesc(i).get_size();
      for (std::size_t a = 0; a < arguments.size(); a++) {
        candidate.bytes[a] = std::max(candidate.bytes[a], offsets[a] + arguments[a].desc.get_size());
      }
      launch->conv.add(Primitive(engine_, descs[i], AnyConv(descs[i]), arguments, threads), std::move(offsets));
    }
    if (plan.reorders) {
      MemoryDesc plain = plainDesc(whole_.weight, whole_.dtype);
      launch->reorder = isGradient ? makeReorder(engine_, weightDesc(0), plain, threads) : makeReorder(engine_, plain, weightDesc(0), threads);
      launch->scratchAt = aligned(weightBytes);
    }
    return candidate;
  }

  // In parts where it falls into some, else whole, as `direct` describes it; or, where time may be spent on it, what is found fastest here, Winograd's
  // algorithm included.
  std::optional<Candidate> best(const Desc& direct) const {
    std::vector<std::vector<Part>> cuts;
    auto parts = partsOf(engine_, whole_, x_, y_, threads_);
    // Each element of dx is a sum over all output channels, but for depthwise ones; one of dw is a sum over all samples.
    bool isSummed = direction_ == Direction::backwardWeight || (direction_ == Direction::backwardData && whole_.groups == 1 && whole_.x[0] == 1);
    if (parts && !isSummed) cuts.push_back(std::move(*parts));
    cuts.push_back({Part{whole_}});
    bool isTimed = signature_.effort == Effort::winograd && whole_.canTransform();
    std::vector<Candidate> candidates;
    auto consider = [&](algorithm how) {
      // Winograd's algorithm transforms the weights at each run unless they stay the same: once, not in each piece.
      bool isOnce = how == algorithm::convolution_winograd && !signature_.isStable(1);
      std::optional<Candidate> candidate;
      for (auto cut = isOnce ? cuts.end() - 1 : cuts.begin(); cut != cuts.end() && !candidate; cut++) candidate = make(*cut, how, direct);
      if (candidate) candidates.push_back(std::move(*candidate));
    };
    consider(algorithm::convolution_direct);
    if (isTimed) consider(algorithm::convolution_winograd);
    if (candidates.empty()) return std::nullopt;
    auto [best, tune] = fastest(engine_, nameOf(direction_), whole_, candidates, threads_);
    best.tune = std::move(tune);
    return std::move(best);
  }

 private:
  Engine& engine_;
  const Signature& signature_;
  Direction direction_;
  const Geometry& whole_;
  const Dims& plainWeight_;
  Layout x_, y_;
  int threads_;
  Order order_;
  Describe describe_;
  ArgumentsOf argumentsOf_;
};

}  // namespace cnn::cpu

// Convolution by oneDNN's direct algorithm: whole, or in pieces that run side by side.
#pragma once

#include "base/error.hpp"
#include "conv_candidates.hpp"
#include "parallel.hpp"
#include "primitive_group.hpp"

namespace cnn::cpu {

/// A convolution made ready: its primitives and, where the weights have an order of oneDNN's own, the reorder between that and the plain
/// one. It runs in a workspace of [reordered weights | scratch memory].
struct DirectLaunch {
  PrimitiveGroup conv;
  Primitive reorder;
  std::size_t scratchAt = 0;

  std::size_t workspaceBytes() const { return scratchAt + std::max(conv.scratchBytes(), reorder.scratchBytes()); }
  /// `weight`: which of the pointers that is, and whether it is written.
  void run(Candidate::Pointers pointers, std::size_t weight, bool writesWeight, void* workspace) const;
};

/// The format of oneDNN's weights in terms of ours, where the group and output axes are one; nothing if they don't join.
std::optional<Format> weightFormat(const MemoryDesc& desc, const Geometry& geometry);

/// The format of weights whose outermost step goes over the output channels, so that those of some channels lie in one run; nothing for others.
std::optional<Format> outputsFirst(const MemoryDesc& desc, const Geometry& geometry);

/// Makes the candidate of one convolution whose activations lie in known layouts.
template <class AnyConv>
class DirectMaker {
 public:
  using Desc = typename AnyConv::primitive_desc;
  // The desc of a convolution of this geometry, its activations in those descs; empty where oneDNN has nothing.
  using Describe = std::function<Desc(const Geometry&, const MemoryDesc& x, const MemoryDesc& y)>;
  // The arguments of the primitive in the order in which pointers come, and the places of x, weight, y and bias among them (-1: none).
  using ArgumentsOf = std::function<std::vector<Primitive::Argument>(const Desc&)>;
  struct Order {
    int x, weight, y, bias;
  };

  DirectMaker(Engine& engine, Direction direction, const Geometry& whole, const Dims& plainWeight, Layout x, Layout y, int threads, Order order, Describe describe,
              ArgumentsOf argumentsOf)
      : engine_(engine), direction_(direction), whole_(whole), plainWeight_(plainWeight), x_(x), y_(y), threads_(threads), order_(order),
        describe_(std::move(describe)), argumentsOf_(std::move(argumentsOf)) {}

  /// Where the result goes through an activation: `bare` describes the convolution without its post-op, and is empty where it has none. It is called later.
  using DescribeBare = std::function<Desc(const Geometry&, const MemoryDesc& x, const MemoryDesc& weight, const MemoryDesc& y)>;
  void rectify(Activation activation, DescribeBare bare) {
    activation_ = activation;
    bare_ = std::move(bare);
  }

  /// In parts where it falls into some, else whole, as `direct` describes it. Nothing where oneDNN has no such implementation.
  std::optional<Candidate> make(const Desc& direct) const {
    // Each element of dx is a sum over all output channels, but for depthwise ones; one of dw is a sum over all samples.
    bool isSummed = direction_ == Direction::backwardWeight || (direction_ == Direction::backwardData && whole_.groups == 1 && whole_.x[0] == 1);
    if (auto parts = partsOf(engine_, whole_, x_, y_, threads_); parts && !isSummed) {
      if (auto candidate = make(*parts, direct)) return candidate;
    }
    return make({Part{whole_}}, direct);
  }

 private:
  // Nothing where oneDNN would do the pieces by another implementation than the whole.
  std::optional<Candidate> make(const std::vector<Part>& parts, const Desc& direct) const {
    bool isWhole = parts.size() == 1, sharesWeights = parts.back().output == 0;
    int threads = isWhole ? threads_ : 1;
    ThreadScope scope(threads);
    std::vector<Desc> descs;
    for (const Part& part : parts) {
      const Geometry& g = part.geometry;
      auto descOf = [&](int argument, const Dims& shape) {
        const MemoryDesc desc = argumentsOf_(direct)[static_cast<std::size_t>(argument)].desc;
        return isWhole ? desc : runOf(desc, shape);
      };
      const auto x = descOf(order_.x, g.x), y = descOf(order_.y, g.y);
      Desc desc = x && y ? describe_(g, *x, *y) : Desc();
      if (!desc || implementation(desc) != implementation(direct)) return std::nullopt;
      descs.push_back(std::move(desc));
    }
    auto weightDesc = [&](std::size_t i) { return argumentsOf_(descs[i])[static_cast<std::size_t>(order_.weight)].desc; };
    std::optional<Format> format = weightFormat(weightDesc(0), whole_);
    std::size_t weightBytes = weightDesc(0).get_size();
    if (sharesWeights) {
      for (std::size_t i = 1; i < parts.size(); i++) {
        if (weightDesc(i) != weightDesc(0)) return std::nullopt;
      }
    } else {  // each part's weights are a run of the whole ones
      format = outputsFirst(weightDesc(0), parts[0].geometry);
      if (!format) return std::nullopt;
      for (std::size_t i = 1; i < parts.size(); i++) {
        if (outputsFirst(weightDesc(i), parts[i].geometry) != format) return std::nullopt;
        weightBytes += weightDesc(i).get_size();
      }
      if (weightBytes != static_cast<std::size_t>(paddedElements(*format, plainWeight_)) * sizeOf(whole_.dtype)) return std::nullopt;
    }
    DirectLaunch launch;
    Candidate candidate{.name = text(implementation(descs[0]), isWhole ? "" : sharesWeights ? "/samples" : "/channels")};
    if (format) candidate.weight = engine_.layouts.intern(*format, plainWeight_);
    std::size_t weightAt = 0;
    for (std::size_t i = 0; i < parts.size(); i++) {
      std::vector<Primitive::Argument> arguments = argumentsOf_(descs[i]);
      std::vector<std::size_t> offsets(arguments.size());
      auto place = [&](int at, Index elements) {  // a float32 bias may stand beside half tensors
        if (at < 0) return;
        auto a = static_cast<std::size_t>(at);
        offsets[a] = static_cast<std::size_t>(elements) * dnnl::memory::data_type_size(dataType(arguments[a].desc));
      };
      place(order_.x, parts[i].x);
      place(order_.y, parts[i].y);
      place(order_.bias, parts[i].output);
      offsets[static_cast<std::size_t>(order_.weight)] = weightAt;
      if (!sharesWeights) weightAt += weightDesc(i).get_size();
      for (std::size_t a = 0; a < arguments.size(); a++) {
        candidate.bytes[a] = std::max(candidate.bytes[a], offsets[a] + arguments[a].desc.get_size());
      }
      launch.conv.add(Primitive(engine_, descs[i], arguments, threads), std::move(offsets), rectifierOf(parts[i].geometry, arguments, threads));
    }
    if (!format) {
      MemoryDesc plain = plainDesc(whole_.weight, whole_.dtype);
      bool isGradient = direction_ == Direction::backwardWeight;
      launch.reorder = isGradient ? makeReorder(engine_, weightDesc(0), plain, threads) : makeReorder(engine_, plain, weightDesc(0), threads);
      launch.scratchAt = aligned(weightBytes);
    }
    candidate.workspaceBytes = launch.workspaceBytes();
    candidate.run = [launch = std::make_shared<DirectLaunch>(std::move(launch)), weight = static_cast<std::size_t>(order_.weight),
                     writesWeight = direction_ == Direction::backwardWeight](Candidate::Pointers pointers, void* workspace) {
      launch->run(pointers, weight, writesWeight, workspace);
    };
    return candidate;
  }

  Rectifier rectifierOf(const Geometry& g, const std::vector<Primitive::Argument>& arguments, int threads) const {
    if (activation_ == Activation::identity) return {};
    auto descOf = [&](int argument) { return arguments[static_cast<std::size_t>(argument)].desc; };
    const MemoryDesc x = descOf(order_.x), weight = descOf(order_.weight), y = descOf(order_.y);
    std::function<Primitive()> makeBare;
    if (bare_) {
      makeBare = [&engine = engine_, g, arguments, threads, x, weight, y, bare = bare_] {
        ThreadScope scope(threads);
        const Desc desc = bare(g, x, weight, y);
        if (!desc) fail(ErrorKind::backend, "oneDNN has no convolution without an activation where it has one with it");
        return Primitive(engine, desc, arguments, threads);
      };
    }
    return Rectifier(activation_, g.dtype, static_cast<std::size_t>(order_.y), y.get_size(), std::move(makeBare));
  }

  Engine& engine_;
  Direction direction_;
  const Geometry& whole_;
  const Dims& plainWeight_;
  Layout x_, y_;
  int threads_;
  Order order_;
  Describe describe_;
  ArgumentsOf argumentsOf_;
  Activation activation_ = Activation::identity;
  DescribeBare bare_;
};

}  // namespace cnn::cpu

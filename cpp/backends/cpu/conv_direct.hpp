// Convolution by oneDNN's direct algorithm: whole, or in pieces that run side by side.
#pragma once

#include "base/error.hpp"
#include "conv_candidates.hpp"
#include "parallel.hpp"
#include "primitive_group.hpp"

namespace cnn::cpu {

/// A convolution made ready: its primitives and, where the weights have an order of oneDNN's own, the reorder between
/// that and the plain one. It runs in a workspace of [reordered weights | scratch memory].
struct DirectLaunch {
  PrimitiveGroup conv;
  Primitive reorder;
  std::size_t scratchAt = 0;

  std::size_t workspaceBytes() const { return scratchAt + std::max(conv.scratchBytes(), reorder.scratchBytes()); }
  /// `weight`: which of the pointers that is, and whether it is written.
  void run(Candidate::Pointers pointers, std::size_t weight, bool writesWeight, void* workspace) const;
};

/// The format of oneDNN's weights in terms of ours, where the group and output axes are one; nothing if they don't
/// join.
std::optional<Format> weightFormat(const MemoryDesc& desc, const Geometry& geometry);

/// The format of weights whose outermost step goes over the output channels, so that those of some channels lie in one
/// run; nothing for others.
std::optional<Format> outputsFirst(const MemoryDesc& desc, const Geometry& geometry);

/// How a primitive takes the tensors of a convolution: its arguments in the order in which pointers come, and the
/// places of x, weight, y and bias among them.
template <class AnyConv>
struct TensorsOf;

template <>
struct TensorsOf<dnnl::convolution_forward> {
  static constexpr Direction direction = Direction::forward;
  static constexpr std::size_t x = 0, weight = 1, y = 2, bias = 3;
  static std::vector<Primitive::Argument> arguments(const dnnl::convolution_forward::primitive_desc& desc,
                                                    bool hasBias) {
    std::vector<Primitive::Argument> list = {
        {DNNL_ARG_SRC, desc.src_desc()}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}, {DNNL_ARG_DST, desc.dst_desc()}};
    if (hasBias) list.push_back({DNNL_ARG_BIAS, desc.bias_desc()});
    return list;
  }
  static const Dims& weightShape(const Signature& signature) { return signature.inputs[1].shape; }
};

template <>
struct TensorsOf<dnnl::convolution_backward_data> {
  static constexpr Direction direction = Direction::backwardData;
  static constexpr std::size_t y = 0, weight = 1, x = 2, bias = 3;
  static std::vector<Primitive::Argument> arguments(const dnnl::convolution_backward_data::primitive_desc& desc,
                                                    bool /*hasBias*/) {
    return {{DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
            {DNNL_ARG_WEIGHTS, desc.weights_desc()},
            {DNNL_ARG_DIFF_SRC, desc.diff_src_desc()}};
  }
  static const Dims& weightShape(const Signature& signature) { return signature.inputs[1].shape; }
};

template <>
struct TensorsOf<dnnl::convolution_backward_weights> {
  static constexpr Direction direction = Direction::backwardWeight;
  static constexpr std::size_t x = 0, y = 1, weight = 2, bias = 3;
  static std::vector<Primitive::Argument> arguments(const dnnl::convolution_backward_weights::primitive_desc& desc,
                                                    bool hasBias) {
    std::vector<Primitive::Argument> list = {{DNNL_ARG_SRC, desc.src_desc()},
                                             {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
                                             {DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc()}};
    if (hasBias) list.push_back({DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc()});
    return list;
  }
  static const Dims& weightShape(const Signature& signature) { return signature.outputs[0].shape; }
};

/// How oneDNN is asked for a convolution; an empty desc is its answer where it has nothing.
template <class AnyConv>
struct ConvDescription {
  using Desc = typename AnyConv::primitive_desc;
  /// The desc of a convolution of this geometry, its activations in those descs.
  std::function<Desc(const Geometry&, const MemoryDesc& x, const MemoryDesc& y)> describe;
  /// Where the result goes through an activation: `bare` describes the convolution without its post-op, and is absent
  /// where it has none. It is called later.
  Activation activation = Activation::identity;
  std::function<Desc(const Geometry&, const MemoryDesc& x, const MemoryDesc& weight, const MemoryDesc& y)> bare =
      nullptr;
};

/// Makes the candidate of one convolution whose activations lie in known layouts.
template <class AnyConv>
class DirectConv {
 public:
  using Desc = typename AnyConv::primitive_desc;
  using Tensors = TensorsOf<AnyConv>;

  DirectConv(const ConvCase& conv, const ConvDescription<AnyConv>& description)
      : conv_(conv), description_(description), weightShape_(Tensors::weightShape(conv.signature)) {}

  /// In parts where it falls into some, else whole, as `direct` describes it. Nothing where oneDNN has no such
  /// implementation.
  std::optional<Candidate> make(const Desc& direct) const {
    // Each element of dx is a sum over all output channels, but for depthwise ones; one of dw is a sum over all
    // samples.
    const Geometry& whole = conv_.geometry;
    bool isSummed =
        isGradientOfWeight || (Tensors::direction == Direction::backwardData && whole.groups == 1 && whole.x[0] == 1);
    if (auto parts = partsOf(conv_.engine, whole, conv_.x, conv_.y, conv_.threads); parts && !isSummed) {
      if (auto candidate = make(*parts, direct)) return candidate;
    }
    return make({Part{whole}}, direct);
  }

 private:
  using Descs = std::vector<Desc>;
  static constexpr bool isGradientOfWeight = Tensors::direction == Direction::backwardWeight;

  std::vector<Primitive::Argument> argumentsOf(const Desc& desc) const {
    return Tensors::arguments(desc, conv_.hasBias);
  }
  MemoryDesc weightOf(const Desc& desc) const { return argumentsOf(desc)[Tensors::weight].desc; }

  std::optional<Candidate> make(const std::vector<Part>& parts, const Desc& direct) const {
    const bool isWhole = parts.size() == 1, sharesWeights = parts.back().output == 0;
    const int threads = isWhole ? conv_.threads : 1;
    ThreadScope scope(threads);
    const std::optional<Descs> descs = descsOf(parts, direct);
    const std::optional<Weights> weights = descs ? weightsOf(parts, *descs, sharesWeights) : std::nullopt;
    if (!weights) return std::nullopt;
    DirectLaunch launch;
    Candidate candidate{.name = text(implementation(descs->front()), isWhole         ? ""
                                                                     : sharesWeights ? "/samples"
                                                                                     : "/channels")};
    if (weights->format) candidate.weight = conv_.engine.layouts.intern(*weights->format, weightShape_);
    std::size_t weightAt = 0;
    for (std::size_t i = 0; i < parts.size(); i++) {
      std::vector<Primitive::Argument> arguments = argumentsOf((*descs)[i]);
      std::vector<std::size_t> offsets = offsetsOf(parts[i], arguments);
      offsets[Tensors::weight] = weightAt;
      if (!sharesWeights) weightAt += weightOf((*descs)[i]).get_size();
      for (std::size_t a = 0; a < arguments.size(); a++) {
        candidate.bytes[a] = std::max(candidate.bytes[a], offsets[a] + arguments[a].desc.get_size());
      }
      launch.conv.add(Primitive(conv_.engine, (*descs)[i], arguments, threads), std::move(offsets),
                      rectifierOf(parts[i].geometry, arguments, threads));
    }
    if (!weights->format) {
      const MemoryDesc plain = plainDesc(conv_.geometry.weight, conv_.geometry.dtype), own = weightOf(descs->front());
      launch.reorder = isGradientOfWeight ? makeReorder(conv_.engine, own, plain, threads)
                                          : makeReorder(conv_.engine, plain, own, threads);
      launch.scratchAt = aligned(weights->bytes);
    }
    candidate.workspaceBytes = launch.workspaceBytes();
    candidate.run = [launch = std::make_shared<DirectLaunch>(std::move(launch))](Candidate::Pointers pointers,
                                                                                 void* workspace) {
      launch->run(pointers, Tensors::weight, isGradientOfWeight, workspace);
    };
    return candidate;
  }

  // The desc of each part; nothing where oneDNN would do one by another implementation than the whole.
  std::optional<Descs> descsOf(const std::vector<Part>& parts, const Desc& direct) const {
    const std::vector<Primitive::Argument> whole = argumentsOf(direct);
    Descs descs;
    for (const Part& part : parts) {
      auto descOf = [&](std::size_t argument, const Dims& shape) {
        return parts.size() == 1 ? std::optional(whole[argument].desc) : runOf(whole[argument].desc, shape);
      };
      const auto x = descOf(Tensors::x, part.geometry.x), y = descOf(Tensors::y, part.geometry.y);
      Desc desc = x && y ? description_.describe(part.geometry, *x, *y) : Desc();
      if (!desc || implementation(desc) != implementation(direct)) return std::nullopt;
      descs.push_back(std::move(desc));
    }
    return descs;
  }

  // The order of the weights, if it is one of ours, and how many bytes they are.
  struct Weights {
    std::optional<Format> format;
    std::size_t bytes;
  };
  // Nothing where the parts do not agree on it, or would not find their own in one run.
  std::optional<Weights> weightsOf(const std::vector<Part>& parts, const Descs& descs, bool sharesWeights) const {
    const MemoryDesc first = weightOf(descs[0]);
    if (sharesWeights) {
      for (const Desc& each : descs) {
        if (weightOf(each) != first) return std::nullopt;
      }
      return Weights{weightFormat(first, conv_.geometry), first.get_size()};
    }
    const std::optional<Format> format = outputsFirst(first, parts[0].geometry);
    if (!format) return std::nullopt;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < parts.size(); i++) {
      if (outputsFirst(weightOf(descs[i]), parts[i].geometry) != format) return std::nullopt;
      bytes += weightOf(descs[i]).get_size();
    }
    if (bytes != static_cast<std::size_t>(paddedElements(*format, weightShape_)) * sizeOf(conv_.geometry.dtype))
      return std::nullopt;
    return Weights{format, bytes};
  }

  // Where the memory of a part begins in each argument, in bytes.
  static std::vector<std::size_t> offsetsOf(const Part& part, const std::vector<Primitive::Argument>& arguments) {
    std::vector<std::size_t> offsets(arguments.size());
    auto place = [&](std::size_t at, Index elements) {  // a float32 bias may stand beside half tensors
      if (at < arguments.size())
        offsets[at] = static_cast<std::size_t>(elements) * dnnl::memory::data_type_size(dataType(arguments[at].desc));
    };
    place(Tensors::x, part.x);
    place(Tensors::y, part.y);
    place(Tensors::bias, part.output);
    return offsets;
  }

  Rectifier rectifierOf(const Geometry& g, const std::vector<Primitive::Argument>& arguments, int threads) const {
    if (description_.activation == Activation::identity) return {};
    const MemoryDesc x = arguments[Tensors::x].desc, weight = arguments[Tensors::weight].desc,
                     y = arguments[Tensors::y].desc;
    std::function<Primitive()> makeBare;
    if (description_.bare) {
      makeBare = [&engine = conv_.engine, g, arguments, threads, x, weight, y, bare = description_.bare] {
        ThreadScope scope(threads);
        const Desc desc = bare(g, x, weight, y);
        if (!desc) fail(ErrorKind::backend, "oneDNN has no convolution without an activation where it has one with it");
        return Primitive(engine, desc, arguments, threads);
      };
    }
    return Rectifier(description_.activation, g.dtype, Tensors::y, y.get_size(), std::move(makeBare));
  }

  const ConvCase& conv_;
  const ConvDescription<AnyConv>& description_;
  const Dims& weightShape_;  // as the op has it, without an axis of groups
};

}  // namespace cnn::cpu

// In 2.x a memory desc is a struct, and a primitive is described by way of an op's desc; in 3.x a memory desc is
// opaque: it is asked, and made by its tag.
#include "onednn_api.hpp"

#include <algorithm>
#include <array>

namespace cnn::cpu {

namespace {

constexpr auto direct = dnnl::algorithm::convolution_direct;

// What a desc of blocks says: by axis the extents, padded to whole blocks, and the strides of the steps outside of the
// blocks; then the blocks, outermost first.
struct Blocking {
  DnnlDims padded, strides, blocks, axes;
};

std::optional<Format> orderOf(const Blocking& blocking) {
  const std::size_t rank = blocking.padded.size();
  DnnlDims inner(rank, 1);
  Index stride = 1;
  for (std::size_t i = 0; i < blocking.blocks.size(); i++) {
    inner[static_cast<std::size_t>(blocking.axes[i])] *= blocking.blocks[i];
    stride *= blocking.blocks[i];
  }
  auto strideOf = [&](Step step) { return blocking.strides[static_cast<std::size_t>(step.axis)]; };
  Format format;
  for (std::size_t axis = 0; axis < rank; axis++) {
    if (blocking.padded[axis] / inner[axis] > 1) format.push_back({static_cast<int>(axis), 0});
  }
  std::stable_sort(format.begin(), format.end(), [&](Step a, Step b) { return strideOf(a) > strideOf(b); });
  for (std::size_t i = format.size(); i-- > 0;) {
    if (strideOf(format[i]) != stride) return std::nullopt;  // not dense
    const auto axis = static_cast<std::size_t>(format[i].axis);
    stride *= blocking.padded[axis] / inner[axis];
  }
  for (std::size_t i = 0; i < blocking.blocks.size(); i++)
    format.push_back({static_cast<int>(blocking.axes[i]), blocking.blocks[i]});
  return format;
}

DnnlDims dimsOf(const Dims& shape) { return DnnlDims(shape.begin(), shape.end()); }

// How many steps over whole axes come before the first block.
std::size_t outerSteps(const Format& format) {
  return static_cast<std::size_t>(
      std::find_if(format.begin(), format.end(), [](Step step) { return step.block != 0; }) - format.begin());
}

// By axis the strides of the steps before the first block. What an axis has beyond it is one element, which is never
// stepped over.
DnnlDims outerStrides(const Format& format, const Dims& shape) {
  const std::vector<Index> extents = extentsOf(format, shape);
  DnnlDims strides(static_cast<std::size_t>(shape.size()), paddedElements(format, shape));
  Index stride = 1;
  for (std::size_t i = format.size(); i-- > 0; stride *= extents[i]) {
    if (i < outerSteps(format)) strides[static_cast<std::size_t>(format[i].axis)] = stride;
  }
  return strides;
}

}  // namespace

#if DNNL_VERSION_MAJOR == 2

dnnl::memory::data_type dataType(const MemoryDesc& desc) { return desc.data_type(); }

std::optional<Format> formatOf(const MemoryDesc& desc) {
  const dnnl_memory_desc_t& data = desc.data;
  if (data.format_kind != dnnl_blocked || data.extra.flags != 0 || data.offset0 != 0) return std::nullopt;
  const dnnl_blocking_desc_t& blocking = data.format_desc.blocking;
  return orderOf(Blocking{.padded = DnnlDims(data.padded_dims, data.padded_dims + data.ndims),
                          .strides = DnnlDims(blocking.strides, blocking.strides + data.ndims),
                          .blocks = DnnlDims(blocking.inner_blks, blocking.inner_blks + blocking.inner_nblks),
                          .axes = DnnlDims(blocking.inner_idxs, blocking.inner_idxs + blocking.inner_nblks)});
}

std::optional<MemoryDesc> descOf(const Format& format, const Dims& shape, dnnl::memory::data_type type) {
  MemoryDesc desc(dimsOf(shape), type, dimsOf(stridesOf(shape)));
  const std::vector<Index> extents = extentsOf(format, shape);
  const std::size_t outer = outerSteps(format);
  dnnl_blocking_desc_t& blocking = desc.data.format_desc.blocking;
  std::ranges::copy(outerStrides(format, shape), blocking.strides);
  blocking.inner_nblks = static_cast<int>(format.size() - outer);
  Dims padded = Dims::filled(shape.size(), 1);
  for (std::size_t i = 0; i < format.size(); i++) {
    padded[format[i].axis] *= extents[i];
    if (i < outer) continue;
    blocking.inner_blks[i - outer] = extents[i];
    blocking.inner_idxs[i - outer] = format[i].axis;
  }
  std::copy(padded.begin(), padded.end(), desc.data.padded_dims);
  return desc;
}

namespace {

template <class Op, class... Arguments>
typename Op::primitive_desc described(const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                                      const Arguments&... arguments) {
  return typename Op::primitive_desc(typename Op::desc(arguments...), attributes, engine, true);
}

template <class Op, class... Arguments>
typename Op::primitive_desc describedAfter(const dnnl::convolution_forward::primitive_desc& forward,
                                           const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                                           const Arguments&... arguments) {
  return typename Op::primitive_desc(typename Op::desc(arguments...), attributes, engine, forward, true);
}

}  // namespace

void appendEltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta) {
  ops.append_eltwise(1.0f, algorithm, alpha, beta);
}

#else

dnnl::memory::data_type dataType(const MemoryDesc& desc) { return desc.get_data_type(); }

std::optional<Format> formatOf(const MemoryDesc& desc) {
  if (desc.get_format_kind() != dnnl::memory::format_kind::blocked || desc.get_submemory_offset() != 0)
    return std::nullopt;
  const Blocking blocking{.padded = desc.get_padded_dims(),
                          .strides = desc.get_strides(),
                          .blocks = desc.get_inner_blks(),
                          .axes = desc.get_inner_idxs()};
  std::optional<Format> format = orderOf(blocking);
  // What lies behind the elements (sums for integers' sake) is asked for by the size alone.
  std::size_t bytes = dnnl::memory::data_type_size(desc.get_data_type());
  for (Index extent : blocking.padded) bytes *= static_cast<std::size_t>(extent);
  return desc.get_size() == bytes ? format : std::nullopt;
}

namespace {

struct Tagged {
  dnnl::memory::format_tag tag;
  Format format;
};

// The orders of all tags of this rank that have blocks.
std::vector<Tagged> blockedTags(std::size_t rank) {
  constexpr Index large = 1024;  // many blocks of every tag
  std::vector<Tagged> tags;
  for (int number = dnnl_format_tag_any + 1; number < dnnl_format_tag_last; number++) {
    const auto tag = static_cast<dnnl::memory::format_tag>(number);
    const MemoryDesc desc(DnnlDims(rank, large), dnnl::memory::data_type::f32, tag, true);
    if (!desc || desc.get_inner_nblks() == 0) continue;  // of another rank, or strides tell all
    if (std::optional<Format> format = formatOf(desc)) tags.push_back({tag, *format});
  }
  return tags;
}

const std::vector<Tagged>& blockedTagsOf(int rank) {
  static const std::array<std::vector<Tagged>, DNNL_MAX_NDIMS> tags = [] {
    std::array<std::vector<Tagged>, DNNL_MAX_NDIMS> all;
    for (std::size_t rank = 1; rank <= 6; rank++) all[rank] = blockedTags(rank);
    return all;
  }();
  return tags[static_cast<std::size_t>(rank)];
}

bool hasBlocksOf(const Format& format, const Format& other) {
  return std::ranges::equal(format.begin() + outerSteps(format), format.end(), other.begin() + outerSteps(other),
                            other.end());
}

}  // namespace

// Among tags that put this shape's elements at the same places, the one of the same blocks is preferred:
// implementations look at those.
std::optional<MemoryDesc> descOf(const Format& format, const Dims& shape, dnnl::memory::data_type type) {
  if (outerSteps(format) == format.size()) return MemoryDesc(dimsOf(shape), type, outerStrides(format, shape));
  const Format wanted = canonical(format, shape);
  const Tagged* found = nullptr;
  for (const Tagged& each : blockedTagsOf(shape.size())) {
    const Step last = each.format.back(), wantedLast = wanted.back();
    if (last.axis != wantedLast.axis || wantedLast.block % last.block != 0 || canonical(each.format, shape) != wanted)
      continue;
    const bool isSame = hasBlocksOf(each.format, format);
    if (isSame || !found) found = &each;
    if (isSame) break;
  }
  if (found) return MemoryDesc(dimsOf(shape), type, found->tag);
  if (outerSteps(wanted) == wanted.size()) return MemoryDesc(dimsOf(shape), type, outerStrides(wanted, shape));
  return std::nullopt;
}

namespace {

template <class Op, class... Arguments>
typename Op::primitive_desc described(const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                                      const Arguments&... arguments) {
  return typename Op::primitive_desc(engine, arguments..., attributes, true);
}

template <class Op, class... Arguments>
typename Op::primitive_desc describedAfter(const dnnl::convolution_forward::primitive_desc& forward,
                                           const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                                           const Arguments&... arguments) {
  return typename Op::primitive_desc(engine, arguments..., forward, attributes, true);
}

}  // namespace

void appendEltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta) {
  ops.append_eltwise(algorithm, alpha, beta);
}

#endif

dnnl::convolution_forward::primitive_desc describeForward(const dnnl::engine& engine, const MemoryDesc& x,
                                                          const MemoryDesc& weight, const MemoryDesc& bias,
                                                          const MemoryDesc& y, const ConvWindow& window,
                                                          const dnnl::primitive_attr& attributes) {
  return described<dnnl::convolution_forward>(engine, attributes, dnnl::prop_kind::forward_training, direct, x, weight,
                                              bias, y, window.stride, window.dilation, window.low, window.high);
}

dnnl::convolution_backward_data::primitive_desc describeBackwardData(
    const dnnl::engine& engine, const MemoryDesc& dx, const MemoryDesc& weight, const MemoryDesc& dy,
    const ConvWindow& window, const dnnl::primitive_attr& attributes,
    const dnnl::convolution_forward::primitive_desc& forward) {
  return describedAfter<dnnl::convolution_backward_data>(forward, engine, attributes, direct, dx, weight, dy,
                                                         window.stride, window.dilation, window.low, window.high);
}

dnnl::convolution_backward_weights::primitive_desc describeBackwardWeight(
    const dnnl::engine& engine, const MemoryDesc& x, const MemoryDesc& dw, const MemoryDesc& dbias,
    const MemoryDesc& dy, const ConvWindow& window, const dnnl::primitive_attr& attributes,
    const dnnl::convolution_forward::primitive_desc& forward) {
  return describedAfter<dnnl::convolution_backward_weights>(forward, engine, attributes, direct, x, dw, dbias, dy,
                                                            window.stride, window.dilation, window.low, window.high);
}

dnnl::matmul::primitive_desc describeProduct(const dnnl::engine& engine, const MemoryDesc& a, const MemoryDesc& b,
                                             const MemoryDesc& bias, const MemoryDesc& y,
                                             const dnnl::primitive_attr& attributes) {
  return described<dnnl::matmul>(engine, attributes, a, b, bias, y);
}

}  // namespace cnn::cpu

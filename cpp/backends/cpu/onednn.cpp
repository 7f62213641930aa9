// Memory descs, formats and primitives of oneDNN 2.6 and 2.7.
#include "onednn.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "parallel.hpp"

static_assert(DNNL_VERSION_MAJOR == 2 && DNNL_VERSION_MINOR >= 6, "oneDNN 2.6 or 2.7 is expected");

namespace cnn::cpu {

namespace {

void check(dnnl_status_t status, const char* call) {
  if (status != dnnl_success) fail(kindOf(status), call, " of oneDNN failed with status ", static_cast<int>(status));
}

}  // namespace

ErrorKind kindOf(dnnl_status_t status) { return status == dnnl_out_of_memory ? ErrorKind::outOfMemory : ErrorKind::backend; }

dnnl::memory::data_type dataType(DType dtype) {
  using Type = dnnl::memory::data_type;
  switch (dtype) {
    case DType::float32: return Type::f32;
    case DType::bfloat16: return Type::bf16;
    case DType::float16: return Type::f16;
    case DType::int32: return Type::s32;
    case DType::uint8:
    case DType::boolean: return Type::u8;
    case DType::float64: break;
  }
  return Type::undef;
}

DnnlDims dnnlDims(const Dims& dims) { return DnnlDims(dims.begin(), dims.end()); }

MemoryDesc anyDesc(const Dims& shape, DType dtype) {
  return MemoryDesc(dnnlDims(shape), dataType(dtype), dnnl::memory::format_tag::any);
}

MemoryDesc plainDesc(const Dims& shape, DType dtype) {
  return MemoryDesc(dnnlDims(shape), dataType(dtype), dnnlDims(stridesOf(shape)));
}

MemoryDesc memoryDesc(const Engine& engine, const TensorDesc& tensor) {
  MemoryDesc desc = plainDesc(tensor.shape, tensor.dtype);
  if (tensor.layout.isPlain()) return desc;
  Format format = engine.format(tensor);
  std::vector<Index> extents = extentsOf(format, tensor.shape);
  // Steps of whole axes have strides; from the first block on, all are inner blocks.
  std::size_t outer = 0;
  while (outer < format.size() && format[outer].block == 0) outer++;
  auto& blocking = desc.data.format_desc.blocking;
  Dims padded = Dims::filled(tensor.rank(), 1);
  Index stride = 1;
  for (std::size_t i = format.size(); i-- > 0;) {
    padded[format[i].axis] *= extents[i];
    if (i < outer) blocking.strides[format[i].axis] = stride;
    stride *= extents[i];
  }
  blocking.inner_nblks = static_cast<int>(format.size() - outer);
  for (std::size_t i = outer; i < format.size(); i++) {
    blocking.inner_blks[i - outer] = extents[i];
    blocking.inner_idxs[i - outer] = format[i].axis;
  }
  for (int axis = 0; axis < tensor.rank(); axis++) {
    bool isStep = std::any_of(format.begin(), format.begin() + static_cast<std::ptrdiff_t>(outer), [&](Step step) { return step.axis == axis; });
    if (!isStep) blocking.strides[axis] = stride;  // one element: never stepped over
    desc.data.padded_dims[axis] = padded[axis];
  }
  return desc;
}

MemoryDesc runOf(MemoryDesc desc, const Dims& shape) {
  auto& data = desc.data;
  auto& blocking = data.format_desc.blocking;
  if (data.dims[0] != shape[0]) data.dims[0] = data.padded_dims[0] = shape[0];
  if (data.dims[1] != shape[1]) {
    Index lanes = 1;
    for (int i = 0; i < blocking.inner_nblks; i++) lanes *= blocking.inner_idxs[i] == 1 ? blocking.inner_blks[i] : 1;
    Index padded = (shape[1] + lanes - 1) / lanes * lanes;
    blocking.strides[0] = blocking.strides[0] / data.padded_dims[1] * padded;
    data.dims[1] = shape[1];
    data.padded_dims[1] = padded;
  }
  return desc;
}

std::optional<Format> formatOf(const MemoryDesc& desc) {
  const auto& data = desc.data;
  if (data.format_kind != dnnl_blocked || data.extra.flags != 0 || data.offset0 != 0) return std::nullopt;
  const auto& blocking = data.format_desc.blocking;
  Dims inner = Dims::filled(data.ndims, 1);
  Index blockElements = 1;
  for (int i = 0; i < blocking.inner_nblks; i++) {
    inner[static_cast<int>(blocking.inner_idxs[i])] *= blocking.inner_blks[i];
    blockElements *= blocking.inner_blks[i];
  }
  Format format;
  for (int axis = 0; axis < data.ndims; axis++) {
    if (data.padded_dims[axis] / inner[axis] > 1) format.push_back({axis, 0});
  }
  std::stable_sort(format.begin(), format.end(), [&](Step a, Step b) { return blocking.strides[a.axis] > blocking.strides[b.axis]; });
  Index stride = blockElements;
  for (std::size_t i = format.size(); i-- > 0;) {
    if (blocking.strides[format[i].axis] != stride) return std::nullopt;  // not dense
    stride *= data.padded_dims[format[i].axis] / inner[format[i].axis];
  }
  for (int i = 0; i < blocking.inner_nblks; i++) {
    format.push_back({static_cast<int>(blocking.inner_idxs[i]), blocking.inner_blks[i]});
  }
  return format;
}

std::string implementation(const dnnl::primitive_desc_base& desc) {
  const char* name = nullptr;
  check(dnnl_primitive_desc_query(desc.get(), dnnl_query_impl_info_str, 0, &name), "dnnl_primitive_desc_query");
  return name ? name : "";
}

bool computesInHalf(const dnnl::primitive_desc_base& desc) {
  std::string name = implementation(desc);
  return name.find("core_bf16") != std::string::npos || name.find("amx") != std::string::npos;
}

dnnl::primitive_attr userScratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

Primitive::Primitive(const Engine& engine, const dnnl::primitive_desc_base& desc, std::vector<Argument> arguments, int threads)
    : engine_(&engine), desc_(desc), given_(std::move(arguments)), scratchBytes_(desc.query_md(dnnl::query::scratchpad_md).get_size()), threads_(threads) {}

void Primitive::make() const {
  primitive_ = dnnl::primitive(desc_.get());
  memories_.reserve(given_.size() + 1);
  auto add = [&](int name, const MemoryDesc& desc) {
    memories_.emplace_back(desc, engine_->dnnl, nullptr);
    arguments_.push_back({name, memories_.back().get()});
  };
  for (const Argument& argument : given_) add(argument.name, argument.desc);
  if (scratchBytes_) add(DNNL_ARG_SCRATCHPAD, desc_.query_md(dnnl::query::scratchpad_md));
}

void Primitive::run(std::span<const void* const> pointers, void* scratch) const {
  ThreadScope scope(threads_);
  if (!primitive_) make();
  for (std::size_t i = 0; i < given_.size(); i++) memories_[i].set_data_handle(const_cast<void*>(pointers[i]), engine_->stream);
  if (scratchBytes_) memories_.back().set_data_handle(scratch, engine_->stream);
  check(dnnl_primitive_execute(primitive_.get(), engine_->stream.get(), static_cast<int>(arguments_.size()), arguments_.data()),
        "dnnl_primitive_execute");
}

Primitive makeReorder(const Engine& engine, const MemoryDesc& from, const MemoryDesc& to, int threads) {
  ThreadScope scope(threads);
  dnnl::reorder::primitive_desc desc(engine.dnnl, from, engine.dnnl, to, userScratchpad());
  return Primitive(engine, desc, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, threads);
}

}  // namespace cnn::cpu

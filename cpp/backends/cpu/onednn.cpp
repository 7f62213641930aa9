// Memory descs of tensors, and running primitives.
#include "onednn.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

void check(dnnl_status_t status, const char* call) {
  if (status != dnnl_success) fail(kindOf(status), call, " of oneDNN failed with status ", static_cast<int>(status));
}

}  // namespace

ErrorKind kindOf(dnnl_status_t status) {
  return status == dnnl_out_of_memory ? ErrorKind::outOfMemory : ErrorKind::backend;
}

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

std::optional<MemoryDesc> memoryDesc(const Engine& engine, const TensorDesc& tensor) {
  if (tensor.layout.isPlain()) return plainDesc(tensor.shape, tensor.dtype);
  return descOf(engine.format(tensor), tensor.shape, dataType(tensor.dtype));
}

std::optional<MemoryDesc> runOf(const MemoryDesc& desc, const Dims& shape) {
  std::optional<Format> format = formatOf(desc);
  return format ? descOf(*format, shape, dataType(desc)) : std::nullopt;
}

std::string implementation(const dnnl::primitive_desc_base& desc) {
  const char* name = nullptr;
  check(dnnl_primitive_desc_query(desc.get(), dnnl_query_impl_info_str, 0, &name), "dnnl_primitive_desc_query");
  return name ? name : "";
}

bool computesInHalf(const dnnl::primitive_desc_base& desc) {
  std::string name = implementation(desc);
  return std::ranges::any_of(std::array{"core_bf16", "core_fp16", "avx10", "amx"},
                             [&](const char* word) { return name.find(word) != std::string::npos; });
}

dnnl::primitive_attr userScratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

Primitive::Primitive(const Engine& engine, const dnnl::primitive_desc_base& desc, std::vector<Argument> arguments,
                     int threads)
    : engine_(&engine),
      desc_(desc),
      given_(std::move(arguments)),
      scratchBytes_(desc.query_md(dnnl::query::scratchpad_md).get_size()),
      threads_(threads) {}

void Primitive::make() const {
  try {
    primitive_ = dnnl::primitive(desc_.get());
  } catch (const dnnl::error& error) {
    // The desc was accepted: what can fail now is memory for the code, which 3.x calls an error at run time.
    fail(error.status == dnnl_runtime_error ? ErrorKind::outOfMemory : kindOf(error.status), "oneDNN: ", error.what());
  }
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
  for (std::size_t i = 0; i < given_.size(); i++) memories_[i].set_data_handle(const_cast<void*>(pointers[i]));
  if (scratchBytes_) memories_.back().set_data_handle(scratch);
  check(dnnl_primitive_execute(primitive_.get(), engine_->stream.get(), static_cast<int>(arguments_.size()),
                               arguments_.data()),
        "dnnl_primitive_execute");
}

Primitive makeReorder(const Engine& engine, const MemoryDesc& from, const MemoryDesc& to, int threads) {
  ThreadScope scope(threads);
  dnnl::reorder::primitive_desc desc(engine.dnnl, from, engine.dnnl, to, userScratchpad());
  return Primitive(engine, desc, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, threads);
}

}  // namespace cnn::cpu

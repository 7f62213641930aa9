// oneDNN as this backend uses it: memory descs of tensors, and primitives that take bare pointers.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "engine.hpp"
#include "onednn_api.hpp"

namespace cnn::cpu {

/// What a failed call of oneDNN is to the user.
ErrorKind kindOf(dnnl_status_t status);

dnnl::memory::data_type dataType(DType dtype);
DnnlDims dnnlDims(const Dims& dims);
/// A shape whose order in memory oneDNN may choose.
MemoryDesc anyDesc(const Dims& shape, DType dtype = DType::float32);
MemoryDesc plainDesc(const Dims& shape, DType dtype = DType::float32);
/// The memory of a tensor as it lies; nothing where oneDNN has no desc of it.
std::optional<MemoryDesc> memoryDesc(const Engine& engine, const TensorDesc& desc);
/// The desc of a run of a tensor, of another shape: some of its samples, or, of a single sample, some blocks of its
/// channels.
std::optional<MemoryDesc> runOf(const MemoryDesc& desc, const Dims& shape);

/// The first word of the name that oneDNN gives to the implementation it chose, "jit:avx2".
std::string implementation(const dnnl::primitive_desc_base& desc);
/// Whether the implementation multiplies bfloat16 by instructions of this processor, rather than by way of float32.
bool computesInHalf(const dnnl::primitive_desc_base& desc);
/// Attributes that make a primitive take its scratch memory from us: the library's own would be shared between threads.
dnnl::primitive_attr userScratchpad();

/// A primitive and the memories of its arguments; the pointers are given at each run, in the order of the arguments. It
/// is made, and its code generated, at the first run: that takes milliseconds, which are the queue's and not
/// JavaScript's.
class Primitive {
 public:
  struct Argument {
    int name;
    MemoryDesc desc;
  };

  Primitive() = default;
  Primitive(const Engine& engine, const dnnl::primitive_desc_base& desc, std::vector<Argument> arguments, int threads);
  Primitive(Primitive&&) = default;
  Primitive& operator=(Primitive&&) = default;

  explicit operator bool() const { return engine_ != nullptr; }
  std::size_t scratchBytes() const { return scratchBytes_; }
  /// Runs on the threads it was made for; pointers past the last argument are not looked at. `scratch` may be null
  /// where scratchBytes() is 0.
  void run(std::span<const void* const> pointers, void* scratch) const;
  void run(std::initializer_list<const void*> pointers, void* scratch) const {
    run(std::span(pointers.begin(), pointers.size()), scratch);
  }

 private:
  void make() const;

  const Engine* engine_ = nullptr;
  dnnl::primitive_desc_base desc_;
  std::vector<Argument> given_;
  std::size_t scratchBytes_ = 0;
  // Made at the first run. One thread at a time runs a primitive, since its memories get their pointers there.
  mutable dnnl::primitive primitive_;
  mutable std::vector<dnnl::memory> memories_;
  mutable std::vector<dnnl_exec_arg_t> arguments_;
  int threads_ = 1;
};

/// Converts between two orders of the same elements.
Primitive makeReorder(const Engine& engine, const MemoryDesc& from, const MemoryDesc& to, int threads);

}  // namespace cnn::cpu

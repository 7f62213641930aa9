// Conversion between layouts: oneDNN's where it knows the type, else element by element.
#include "reorder.hpp"

#include <cstring>

#include "parallel.hpp"
#ifdef CNN_WITH_ONEDNN
#include "onednn.hpp"
#endif

namespace cnn::cpu {

namespace {

// Where element `index` (by axis) of a tensor lies.
class Locator {
 public:
  Locator(const Format& format, const Dims& shape) : format_(format), extents_(extentsOf(format, shape)), rank_(shape.size()) {}

  Index offset(const Dims& index) const {
    Dims rest = index;
    Index offset = 0, stride = 1;
    for (std::size_t i = format_.size(); i-- > 0;) {
      Index& value = rest[format_[i].axis];
      offset += value % extents_[i] * stride;
      value /= extents_[i];
      stride *= extents_[i];
    }
    return offset;
  }

 private:
  Format format_;
  std::vector<Index> extents_;
  int rank_;
};

KernelPtr elementwiseReorder(const TensorDesc& from, const TensorDesc& to, const Engine& engine) {
  Format source = engine.format(from), target = engine.format(to);
  std::size_t size = sizeOf(from.dtype);
  std::size_t targetBytes = static_cast<std::size_t>(paddedElements(target, to.shape)) * size;
  auto run = [source = Locator(source, from.shape), target = Locator(target, to.shape), shape = from.shape, size, targetBytes](const Run& run) {
    if (targetBytes > static_cast<std::size_t>(shape.product()) * size) std::memset(run.out<char>(0), 0, targetBytes);
    Dims index = Dims::filled(shape.size(), 0);
    for (Index count = shape.product(); count > 0; count--) {
      std::memcpy(run.out<char>(0) + static_cast<std::size_t>(target.offset(index)) * size,
                  run.in<char>(0) + static_cast<std::size_t>(source.offset(index)) * size, size);
      for (int axis = shape.size() - 1; axis >= 0 && ++index[axis] == shape[axis]; axis--) index[axis] = 0;
    }
  };
  auto kernel = std::make_shared<FunctionKernel<decltype(run)>>(std::move(run));
  return kernel;
}

KernelPtr copyKernel(std::size_t bytes) {
  auto run = [bytes](const Run& run) {
    if (bytes) std::memcpy(run.out<char>(0), run.in<char>(0), bytes);
  };
  return std::make_shared<FunctionKernel<decltype(run)>>(run);
}

}  // namespace

KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to, Engine& engine) {
  std::shared_ptr<Kernel> kernel;
  auto finish = [&](KernelPtr made) {
    auto result = std::const_pointer_cast<Kernel>(made);
    result->inputLayouts = {from.layout};
    result->outputs = {to};
    return result;
  };
  if (from.layout == to.layout || from.elements() == 0) return finish(copyKernel(from.plainBytes()));
#ifdef CNN_WITH_ONEDNN
  if (dataType(from.dtype) != dnnl::memory::data_type::undef && from.dtype != DType::float16) {
    int threads = from.elements() > 2 * grainElements ? engine.threads.load() : 1;
    if (engine.isOpaque(to.layout) && !from.layout.isPlain()) {  // oneDNN transforms plain weights alone: by way of those
      TensorDesc plain(from.dtype, from.shape);
      auto first = std::make_shared<Primitive>(makeReorder(engine, memoryDesc(engine, from), memoryDesc(engine, plain), threads));
      auto second = std::make_shared<Primitive>(makeReorder(engine, memoryDesc(engine, plain), memoryDesc(engine, to), threads));
      std::size_t scratchAt = aligned(plain.plainBytes());
      auto run = [first, second, scratchAt](const Run& run) {
        void* scratch = static_cast<std::byte*>(run.workspace) + scratchAt;
        first->run({run.in<void>(0), run.workspace}, scratch);
        second->run({run.workspace, run.out<void>(0)}, scratch);
      };
      auto result = std::make_shared<FunctionKernel<decltype(run)>>(run);
      result->workspaceBytes = scratchAt + std::max(first->scratchBytes(), second->scratchBytes());
      return finish(result);
    }
    auto primitive = std::make_shared<Primitive>(makeReorder(engine, memoryDesc(engine, from), memoryDesc(engine, to), threads));
    auto run = [primitive](const Run& run) { primitive->run({run.in<void>(0), run.out<void>(0)}, run.workspace); };
    auto result = std::make_shared<FunctionKernel<decltype(run)>>(run);
    result->workspaceBytes = primitive->scratchBytes();
    return finish(result);
  }
#endif
#ifdef CNN_WITH_ONEDNN
  if (from.dtype == DType::float16) return nullptr;  // faster by way of float32, as the core then does it
#endif
  return finish(elementwiseReorder(from, to, engine));
}

}  // namespace cnn::cpu

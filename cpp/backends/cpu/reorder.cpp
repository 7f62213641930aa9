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

// Weights to Winograd's components, by way of the plain ones.
KernelPtr transformation(const TensorDesc& from, const TensorDesc& to, Engine& engine) {
  TensorDesc plain(from.dtype, from.shape);
  KernelPtr first = from.layout.isPlain() ? nullptr : prepareReorder(from, plain, engine);
  std::size_t scratchAt = first ? aligned(plain.plainBytes()) : 0;
  auto run = [first, scratchAt, weights = engine.transformed(to.layout)](const Run& run) {
    void* plain = first ? run.workspace : run.inputs[0];
    if (first) first->run(Run{run.op, run.inputs, std::span(&plain, 1), static_cast<std::byte*>(run.workspace) + scratchAt});
    winograd::transformWeights(weights, static_cast<const float*>(plain), run.out<float>(0));
  };
  auto kernel = std::make_shared<FunctionKernel<decltype(run)>>(std::move(run));
  kernel->workspaceBytes = first ? scratchAt + first->workspaceBytes : 0;
  return kernel;
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
  if (engine.isTransformed(to.layout)) return finish(transformation(from, to, engine));
#ifdef CNN_WITH_ONEDNN
  if (dataType(from.dtype) != dnnl::memory::data_type::undef && from.dtype != DType::float16) {
    const auto source = memoryDesc(engine, from), target = memoryDesc(engine, to);
    if (source && target) {
      int threads = from.elements() > 2 * grainElements ? engine.threads.load() : 1;
      auto primitive = std::make_shared<Primitive>(makeReorder(engine, *source, *target, threads));
      auto run = [primitive](const Run& run) { primitive->run({run.in<void>(0), run.out<void>(0)}, run.workspace); };
      auto result = std::make_shared<FunctionKernel<decltype(run)>>(run);
      result->workspaceBytes = primitive->scratchBytes();
      return finish(result);
    }
  }
#endif
#ifdef CNN_WITH_ONEDNN
  if (from.dtype == DType::float16) return nullptr;  // faster by way of float32, as the core then does it
#endif
  return finish(elementwiseReorder(from, to, engine));
}

}  // namespace cnn::cpu

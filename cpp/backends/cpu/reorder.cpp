// Conversion between layouts: oneDNN's where it knows the type, else element by element.
#include "reorder.hpp"

#include <algorithm>
#include <cstring>

#include "parallel.hpp"
#ifdef CNN_WITH_ONEDNN
#include "onednn.hpp"
#endif

namespace cnn::cpu {

namespace {

// Where the elements along one axis lie, from the first one: `stride` apart, or, of an axis that is cut into blocks, as
// the table says.
struct AxisOffsets {
  Index size = 1, stride = 0;
  std::vector<Index> table;
  Index operator[](Index i) const { return table.empty() ? i * stride : table[static_cast<std::size_t>(i)]; }
};

std::vector<AxisOffsets> offsetsOf(const Format& format, const Dims& shape) {
  const std::vector<Index> extents = extentsOf(format, shape);
  std::vector<AxisOffsets> axes(static_cast<std::size_t>(shape.size()));
  for (int axis = 0; axis < shape.size(); axis++) {
    AxisOffsets& offsets = axes[static_cast<std::size_t>(axis)];
    offsets.size = shape[axis];
    const auto steps = std::count_if(format.begin(), format.end(), [axis](Step step) { return step.axis == axis; });
    for (Index i = 0; steps != 1 && i < shape[axis]; i++) {
      Index rest = i, offset = 0, stride = 1;
      for (std::size_t step = format.size(); step-- > 0; stride *= extents[step]) {
        if (format[step].axis != axis) continue;
        offset += rest % extents[step] * stride;
        rest /= extents[step];
      }
      offsets.table.push_back(offset);
    }
    Index stride = 1;
    for (std::size_t step = format.size(); steps == 1 && step-- > 0; stride *= extents[step]) {
      if (format[step].axis == axis) offsets.stride = stride;
    }
  }
  return axes;
}

// The axes of both tensors, neighbours joined where both walk them in equal steps.
struct Axes {
  std::vector<AxisOffsets> source, target;

  Axes(const Format& from, const Format& to, const Dims& shape) {
    auto all = offsetsOf(from, shape), allTargets = offsetsOf(to, shape);
    for (std::size_t i = 0; i < all.size(); i++) {
      auto joins = [](const AxisOffsets& outer, const AxisOffsets& inner) {
        return outer.table.empty() && inner.table.empty() && outer.stride == inner.stride * inner.size;
      };
      if (!source.empty() && joins(source.back(), all[i]) && joins(target.back(), allTargets[i])) {
        for (auto* axes : {&source, &target}) axes->back().size *= all[i].size;
        source.back().stride = all[i].stride;
        target.back().stride = allTargets[i].stride;
      } else {
        source.push_back(std::move(all[i]));
        target.push_back(std::move(allTargets[i]));
      }
    }
  }

  /// Moves the elements of some rows, which lie along the last axis.
  template <class T>
  void move(const T* from, T* to, Index firstRow, Index endRow) const {
    const AxisOffsets &inner = source.back(), &innerTarget = target.back();
    for (Index row = firstRow; row < endRow; row++) {
      Index rest = row, sourceAt = 0, targetAt = 0;
      for (std::size_t axis = source.size() - 1; axis-- > 0;) {
        const Index i = rest % source[axis].size;
        rest /= source[axis].size;
        sourceAt += source[axis][i];
        targetAt += target[axis][i];
      }
      if (inner.table.empty() && innerTarget.table.empty()) {
        const Index step = inner.stride, targetStep = innerTarget.stride;
        for (Index i = 0; i < inner.size; i++) to[targetAt + i * targetStep] = from[sourceAt + i * step];
      } else {
        for (Index i = 0; i < inner.size; i++) to[targetAt + innerTarget[i]] = from[sourceAt + inner[i]];
      }
    }
  }
};

template <class T>
KernelPtr elementwiseReorder(Axes axes, const Dims& shape, Index targetElements, int threads) {
  auto run = [axes = std::move(axes), count = shape.product(), targetElements, threads](const Run& run) {
    ThreadScope scope(threads);
    if (targetElements > count) std::memset(run.out<char>(0), 0, static_cast<std::size_t>(targetElements) * sizeof(T));
    const Index length = axes.source.back().size;
    parallelRows(count / length, length,
                 [&](Index from, Index to) { axes.move(run.in<T>(0), run.out<T>(0), from, to); });
  };
  return std::make_shared<FunctionKernel<decltype(run)>>(std::move(run));
}

KernelPtr elementwiseReorder(const TensorDesc& from, const TensorDesc& to, const Engine& engine) {
  const Format source = engine.format(from), target = engine.format(to);
  Axes axes(source, target, from.shape);
  const Index elements = paddedElements(target, to.shape);
  const int threads = withinLimit(engine.threads.load());
  switch (sizeOf(from.dtype)) {
    case 1: return elementwiseReorder<std::uint8_t>(std::move(axes), from.shape, elements, threads);
    case 2: return elementwiseReorder<std::uint16_t>(std::move(axes), from.shape, elements, threads);
    case 4: return elementwiseReorder<std::uint32_t>(std::move(axes), from.shape, elements, threads);
    default: return elementwiseReorder<std::uint64_t>(std::move(axes), from.shape, elements, threads);
  }
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
    if (first)
      first->run(Run{run.op, run.inputs, std::span(&plain, 1), static_cast<std::byte*>(run.workspace) + scratchAt});
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

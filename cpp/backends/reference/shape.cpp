// Ops that only move elements: most are a walk over the output that reads x with other strides.
#include "loops.hpp"

namespace cnn::reference {
namespace {

/// Copies element by element over `walk`, from offset `from` of x (tensor 1) to offset `to` of y (tensor 0).
template <class T>
void copyStrided(const Walk<2>& walk, T* y, const T* x) {
  Index length = walk.length(), stepY = walk.step(0), stepX = walk.step(1);
  walk.forEachRow([&](const auto& at) {
    T* to = y + at[0];
    const T* from = x + at[1];
    if (stepY == 1 && stepX == 1) {
      copyElements(to, from, length);
    } else {
      for (Index i = 0; i < length; i++) to[i * stepY] = from[i * stepX];
    }
  });
}

/// A kernel whose output is x read with strides `strides` from offset `start` on.
KernelPtr prepareStrided(const Signature& signature, const Dims& strides, Index start = 0) {
  const TensorDesc& y = signature.outputs[0];
  Walk<2> walk(y.shape, {stridesOf(y.shape), strides});
  return dispatchSize(y.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) { copyStrided(walk, run.out<T>(0), run.in<T>(0) + start); });
  });
}

Dims permuted(const Dims& values, const Dims& axes) {
  Dims result;
  for (Index axis : axes) result.push(values[static_cast<int>(axis)]);
  return result;
}

/// Where a slice begins, and its strides, in a tensor of `shape`.
struct Part {
  Index start = 0;
  Dims strides;
  template <class SliceOp>
  Part(const SliceOp& op, const Dims& shape) : strides(stridesOf(shape)) {
    for (int axis = 0; axis < shape.size(); axis++) {
      start += op.starts[axis] * strides[axis];
      strides[axis] *= op.steps[axis];
    }
    if (shape.contains(0)) start = 0;
  }
};

/// Where a place of the padded tensor shows the padding's constant.
constexpr Index outside = -1;

Index sourceOf(PadMode mode, Index i, Index size) {
  switch (mode) {
    case PadMode::constant: return i < 0 || i >= size ? outside : i;
    case PadMode::reflect: return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    case PadMode::replicate: return std::clamp<Index>(i, 0, size - 1);
    case PadMode::circular: return i < 0 ? i + size : i >= size ? i - size : i;  // no side is longer than x
  }
  return outside;
}

/// The place in x, along one axis, of a place in the padded tensor.
struct Sources {
  PadMode mode;
  Dims low, input;
  template <class PadOp>
  Sources(const PadOp& op, const Dims& input) : mode(op.mode), low(op.low), input(input) {}
  Index at(int axis, Index i) const { return sourceOf(mode, i - low[axis], input[axis]); }
};

/// Calls `f(row of the padded tensor, offset in x or outside)` for each row along the last axis, in order.
template <class F>
void forEachPaddedRow(const Dims& padded, const Dims& input, const Sources& sources, F f) {
  Dims strides = stridesOf(input), index = Dims::filled(padded.size() - 1, 0);
  Index rows = padded.slice(0, padded.size() - 1).product();
  for (Index row = 0; row < rows; row++) {
    Index offset = 0;
    for (int axis = 0; axis < index.size() && offset != outside; axis++) {
      Index source = sources.at(axis, index[axis]);
      offset = source == outside ? outside : offset + source * strides[axis];
    }
    f(row, offset);
    for (int axis = index.size() - 1; axis >= 0 && ++index[axis] == padded[axis]; axis--) index[axis] = 0;
  }
}

}  // namespace

namespace {

KernelPtr prepareCopy(const Signature& signature) {
  std::size_t bytes = signature.outputs[0].plainBytes();
  return makeKernel(signature, [=](const Run& run) { copyBytes(run.out<void>(0), run.in<void>(0), bytes); });
}

}  // namespace

KernelPtr prepare(const Reshape&, const Signature& signature) { return prepareCopy(signature); }
KernelPtr prepare(const Reorder&, const Signature& signature) {
  return prepareCopy(signature);
}  // every layout is plain here

KernelPtr prepare(const Permute& op, const Signature& signature) {
  return prepareStrided(signature, permuted(stridesOf(signature.inputs[0].shape), op.axes));
}

KernelPtr prepare(const Expand&, const Signature& signature) {
  return prepareStrided(signature, broadcastStrides(signature.inputs[0].shape, signature.outputs[0].shape));
}

KernelPtr prepare(const Concat& op, const Signature& signature) {
  const TensorDesc& y = signature.outputs[0];
  Index outer = y.shape.slice(0, static_cast<int>(op.axis)).product();
  std::vector<std::size_t> blocks;  // bytes that each input gives at a time
  for (const TensorDesc& x : signature.inputs) {
    Split split(x.shape, op.axis);
    blocks.push_back(static_cast<std::size_t>(split.size * split.inner) * sizeOf(y.dtype));
  }
  return makeKernel(signature, [=](const Run& run) {
    char* y = run.out<char>(0);
    for (Index o = 0; o < outer; o++) {
      for (std::size_t i = 0; i < blocks.size(); i++) {
        copyBytes(y, run.in<char>(static_cast<int>(i)) + static_cast<std::size_t>(o) * blocks[i], blocks[i]);
        y += blocks[i];
      }
    }
  });
}

KernelPtr prepare(const Slice& op, const Signature& signature) {
  Part part(op, signature.inputs[0].shape);
  bool isEmpty = signature.outputs[0].elements() == 0;  // a start at the very end points past x
  return prepareStrided(signature, part.strides, isEmpty ? 0 : part.start);
}

KernelPtr prepare(const SliceBackward& op, const Signature& signature) {
  const TensorDesc &dy = signature.inputs[0], &dx = signature.outputs[0];
  Part part(op, dx.shape);
  Index start = dy.elements() == 0 ? 0 : part.start, count = dx.elements();
  Walk<2> walk(dy.shape, {part.strides, stridesOf(dy.shape)});
  return dispatchSize(dx.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      std::fill_n(run.out<T>(0), count, T(0));
      copyStrided(walk, run.out<T>(0) + start, run.in<T>(0));
    });
  });
}

KernelPtr prepare(const Pad& op, const Signature& signature) {
  const Dims &input = signature.inputs[0].shape, &padded = signature.outputs[0].shape;
  if (input.empty()) return prepareStrided(signature, {});
  Sources sources(op, input);
  int last = input.size() - 1;
  bool isEmpty = padded.contains(0);
  return dispatch(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    T constant = narrow<T>(op.value);
    return makeKernel(signature, [=](const Run& run) {
      if (isEmpty) return;
      forEachPaddedRow(padded, input, sources, [&](Index row, Index offset) {
        T* y = run.out<T>(0) + row * padded.back();
        for (Index i = 0; i < padded.back(); i++) {
          Index source = sources.at(last, i);
          y[i] = offset == outside || source == outside ? constant : run.in<T>(0)[offset + source];
        }
      });
    });
  });
}

KernelPtr prepare(const PadBackward& op, const Signature& signature) {
  const Dims &padded = signature.inputs[0].shape, &input = signature.outputs[0].shape;
  if (input.empty()) return prepareStrided(signature, {});
  Sources sources(op, input);
  int last = input.size() - 1;
  bool isEmpty = padded.contains(0);
  Index count = input.product();
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          double* sums = static_cast<double*>(run.workspace);  // dx
          std::fill_n(sums, count, 0.0);
          if (!isEmpty) {
            forEachPaddedRow(padded, input, sources, [&](Index row, Index offset) {
              const T* dy = run.in<T>(0) + row * padded.back();
              for (Index i = 0; i < padded.back(); i++) {
                Index source = sources.at(last, i);
                if (offset != outside && source != outside) sums[offset + source] += static_cast<double>(dy[i]);
              }
            });
          }
          narrowAll(run.out<T>(0), sums, count);
        },
        doubles(count));
  });
}

KernelPtr prepare(const Flip& op, const Signature& signature) {
  const Dims& shape = signature.inputs[0].shape;
  Dims strides = stridesOf(shape);
  Index start = 0;
  for (Index axis : op.axes) {
    int i = static_cast<int>(axis);
    start += (shape[i] - 1) * strides[i];
    strides[i] = -strides[i];
  }
  return prepareStrided(signature, strides, shape.contains(0) ? 0 : start);
}

}  // namespace cnn::reference

// Ops that move elements: concatenation and slices (also of blocked channels), permutation, expansion, selection.
#include <cstring>

#include "channels.hpp"
#include "kernels.hpp"
#include "sweep.hpp"

namespace cnn::cpu {

namespace {

// Calls use(T{}) with an unsigned type as wide as the elements.
template <class Use>
KernelPtr withElement(DType dtype, Use use) {
  switch (sizeOf(dtype)) {
    case 1: return use(std::uint8_t{});
    case 2: return use(std::uint16_t{});
    case 4: return use(std::uint32_t{});
    default: return use(std::uint64_t{});
  }
}

// Whether the tensor lies in blocks of the channels that convolutions like; axis 1 can then be cut between blocks.
bool isBlocked(Engine& engine, const TensorDesc& desc) {
  return !desc.layout.isPlain() && desc.rank() > 2 &&
         desc.layout == engine.layoutWithLanes(desc.shape, engine.convolutionLanes);
}

// Whether every axis but `axis` is taken whole.
template <class AnySlice>
bool cutsOnly(const AnySlice& op, const Dims& shape, int axis) {
  for (int i = 0; i < shape.size(); i++) {
    if (op.steps[i] != 1 || (i != axis && (op.starts[i] != 0 || op.stops[i] != shape[i]))) return false;
  }
  return true;
}

// A part of a tensor, walked together with its densely stored copy.
struct Part {
  Sweep<1> sweep;
  Index base = 0;
  Layout whole, part;
};

// `partDesc` is the slice of `wholeDesc`; nothing where the last axis has a step.
template <class AnySlice>
std::optional<Part> planPart(Engine& engine, const AnySlice& op, const TensorDesc& whole, const TensorDesc& part,
                             bool blocked) {
  Index lanes = engine.convolutionLanes;
  if (blocked && cutsOnly(op, whole.shape, 1) && op.starts[1] % lanes == 0 &&
      (op.stops[1] % lanes == 0 || op.stops[1] == whole.shape[1])) {
    Index positions = whole.shape.slice(2).product(), blocks = (whole.shape[1] + lanes - 1) / lanes,
          taken = (part.shape[1] + lanes - 1) / lanes;
    Sweep<1> sweep(Dims{whole.shape[0], taken * positions * lanes}, {Dims{blocks * positions * lanes, 1}});
    return Part{sweep, op.starts[1] * positions, engine.layoutWithLanes(whole.shape, lanes),
                engine.layoutWithLanes(part.shape, lanes)};
  }
  Dims strides = stridesOf(whole.shape);
  Index base = 0;
  for (int axis = 0; axis < strides.size(); axis++) {
    base += op.starts[axis] * strides[axis];
    strides[axis] *= op.steps[axis];
  }
  for (int axis = strides.size() - 1; axis >= 0; axis--) {
    if (part.shape[axis] == 1) continue;
    if (strides[axis] != 1) return std::nullopt;
    break;
  }
  return Part{Sweep<1>(part.shape, {strides}), base, Layout{}, Layout{}};
}

template <class T>
void copyRow(T* to, const T* from, Index count) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
}

}  // namespace

KernelPtr prepare(const Concat& op, const Signature& signature, Engine& engine) {
  TensorDesc y = signature.outputs[0];
  if (y.elements() == 0) return nullptr;
  auto axis = static_cast<int>(op.axis);
  // Blocked if an input is, and all boundaries lie between blocks.
  bool blocked = false, isAligned = axis == 1 && y.rank() > 2 && engine.convolutionLanes > 1;
  std::size_t last = signature.inputs.size() - 1;
  for (std::size_t i = 0; i <= last; i++) {
    const TensorDesc& x = signature.inputs[i];
    blocked = blocked || isBlocked(engine, x);
    if (isAligned && i < last) isAligned = x.shape[1] % engine.convolutionLanes == 0;
  }
  Index lanes = blocked && isAligned ? engine.convolutionLanes : 1;
  Index outer = y.shape.slice(0, axis).product(), inner = y.shape.slice(axis + 1).product(), row = 0;
  struct Piece {
    std::size_t at, bytes;  // within a row of y
  };
  std::vector<Piece> pieces;
  std::vector<Layout> layouts;
  for (const TensorDesc& x : signature.inputs) {
    Index size = (x.shape[axis] + lanes - 1) / lanes * lanes * inner;
    pieces.push_back(
        {static_cast<std::size_t>(row) * sizeOf(y.dtype), static_cast<std::size_t>(size) * sizeOf(y.dtype)});
    row += size;
    layouts.push_back(engine.layoutWithLanes(x.shape, lanes));
  }
  std::size_t rowBytes = static_cast<std::size_t>(row) * sizeOf(y.dtype);
  auto kernel = makeKernel(signature, [pieces, outer, row, rowBytes](const Run& run) {
    parallelRows(outer, row, [&](Index from, Index to) {
      for (auto n = static_cast<std::size_t>(from); n < static_cast<std::size_t>(to); n++) {
        for (std::size_t i = 0; i < pieces.size(); i++) {
          if (pieces[i].bytes == 0) continue;
          std::memcpy(run.out<char>(0) + n * rowBytes + pieces[i].at,
                      run.in<char>(static_cast<int>(i)) + n * pieces[i].bytes, pieces[i].bytes);
        }
      }
    });
  });
  kernel->inputLayouts = layouts;
  kernel->outputs[0].layout = engine.layoutWithLanes(y.shape, lanes);
  bool isAlignedToLines =
      std::all_of(pieces.begin(), pieces.end(), [](const Piece& piece) { return piece.at % 64 == 0; });
  if (outer == 1 && isAlignedToLines) {
    for (const Piece& piece : pieces) kernel->pieces.push_back(piece.at);
  }
  return kernel;
}

KernelPtr prepare(const Slice& op, const Signature& signature, Engine& engine) {
  const TensorDesc &x = signature.inputs[0], &y = signature.outputs[0];
  if (y.elements() == 0) return nullptr;
  auto part = planPart(engine, op, x, y, isBlocked(engine, x));
  if (!part) return nullptr;
  return withElement(x.dtype, [&]<class T>(T) -> KernelPtr {
    auto kernel = makeKernel(signature, [part = *part](const Run& run) {
      part.sweep.run([&](Index at, std::array<Index, 1> offsets, std::array<bool, 1>, Index count) {
        copyRow(run.out<T>(0) + at, run.in<T>(0) + part.base + offsets[0], count);
      });
    });
    kernel->inputLayouts = {part->whole};
    kernel->outputs[0].layout = part->part;
    return kernel;
  });
}

KernelPtr prepare(const SliceBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc &dy = signature.inputs[0], &dx = signature.outputs[0];
  if (dy.elements() == 0 || dx.elements() == 0) return nullptr;
  auto part = planPart(engine, op, dx, dy, isBlocked(engine, dy));
  if (!part) return nullptr;
  TensorDesc result = dx;
  result.layout = part->whole;
  std::size_t bytes = static_cast<std::size_t>(paddedElements(engine.format(result), dx.shape)) * sizeOf(dx.dtype);
  return withElement(dx.dtype, [&]<class T>(T) -> KernelPtr {
    auto kernel = makeKernel(signature, [part = *part, bytes](const Run& run) {
      std::memset(run.out<void>(0), 0, bytes);
      part.sweep.run([&](Index at, std::array<Index, 1> offsets, std::array<bool, 1>, Index count) {
        copyRow(run.out<T>(0) + part.base + offsets[0], run.in<T>(0) + at, count);
      });
    });
    kernel->inputLayouts = {part->part};
    kernel->outputs[0].layout = part->whole;
    return kernel;
  });
}

namespace {

// y[…, j, …, a] = x[…, a, …, j]: the axis that is dense in x is not the last one of y, so both are walked in tiles.
struct Transpose {
  Dims outerSizes, outerStridesX, outerStridesY;
  Index rows = 1, rowStrideY = 1;        // the axis that is dense in x
  Index columns = 1, columnStrideX = 1;  // the last axis of y

  template <class T>
  void run(const T* x, T* y) const {
    constexpr Index tile = 16;
    Index outer = outerSizes.product(), rowTiles = (rows + tile - 1) / tile;
    parallelRows(outer * rowTiles, tile * columns, [&](Index from, Index to) {
      for (Index i = from; i < to; i++) {
        Index rest = i / rowTiles, first = i % rowTiles * tile, last = std::min(first + tile, rows);
        const T* source = x;
        T* target = y;
        for (int axis = outerSizes.size() - 1; axis >= 0; axis--) {
          Index index = rest % outerSizes[axis];
          rest /= outerSizes[axis];
          source += index * outerStridesX[axis];
          target += index * outerStridesY[axis];
        }
        for (Index begin = 0; begin < columns; begin += tile) {
          Index end = std::min(begin + tile, columns);
          for (Index r = first; r < last; r++) {
            for (Index c = begin; c < end; c++) target[r * rowStrideY + c] = source[r + c * columnStrideX];
          }
        }
      }
    });
  }
};

}  // namespace

KernelPtr prepare(const Permute& op, const Signature& signature, Engine&) {
  const TensorDesc &x = signature.inputs[0], &y = signature.outputs[0];
  if (x.elements() == 0) return nullptr;
  Dims strides = stridesOf(x.shape), sizes, from;
  for (int axis = 0; axis < y.rank(); axis++) {
    if (y.shape[axis] == 1) continue;
    sizes.push(y.shape[axis]);
    from.push(strides[static_cast<int>(op.axes[axis])]);
  }
  return withElement(x.dtype, [&]<class T>(T) -> KernelPtr {
    if (sizes.empty() || from.back() == 1) {
      return makeKernel(signature, [sweep = Sweep<1>(sizes, {from})](const Run& run) {
        sweep.run([&](Index at, std::array<Index, 1> offsets, std::array<bool, 1>, Index count) {
          copyRow(run.out<T>(0) + at, run.in<T>(0) + offsets[0], count);
        });
      });
    }
    Transpose transpose;
    Dims target = stridesOf(sizes);
    transpose.columns = sizes.back();
    transpose.columnStrideX = from.back();
    for (int axis = 0; axis < sizes.size() - 1; axis++) {
      if (from[axis] == 1) {
        transpose.rows = sizes[axis];
        transpose.rowStrideY = target[axis];
      } else {
        transpose.outerSizes.push(sizes[axis]);
        transpose.outerStridesX.push(from[axis]);
        transpose.outerStridesY.push(target[axis]);
      }
    }
    return makeKernel(signature, [transpose](const Run& run) { transpose.run(run.in<T>(0), run.out<T>(0)); });
  });
}

KernelPtr prepare(const Expand&, const Signature& signature, Engine&) {
  const TensorDesc &x = signature.inputs[0], &y = signature.outputs[0];
  if (y.elements() == 0) return nullptr;
  return withElement(x.dtype, [&]<class T>(T) -> KernelPtr {
    return makeKernel(signature, [sweep = Sweep<1>(y.shape, {broadcastStrides(x.shape, y.shape)})](const Run& run) {
      sweep.run([&](Index at, std::array<Index, 1> offsets, std::array<bool, 1> steps, Index count) {
        const T* from = run.in<T>(0) + offsets[0];
        T* to = run.out<T>(0) + at;
        if (steps[0]) {
          copyRow(to, from, count);
        } else {
          std::fill(to, to + count, *from);
        }
      });
    });
  });
}

KernelPtr prepare(const Where&, const Signature& signature, Engine&) {
  const TensorDesc& y = signature.outputs[0];
  if (y.elements() == 0) return nullptr;
  const auto inputs = signature.inputs;
  Sweep<3> sweep(y.shape, {broadcastStrides(inputs[0].shape, y.shape), broadcastStrides(inputs[1].shape, y.shape),
                           broadcastStrides(inputs[2].shape, y.shape)});
  return withElement(y.dtype, [&]<class T>(T) -> KernelPtr {
    return makeKernel(signature, [sweep](const Run& run) {
      sweep.run([&](Index at, std::array<Index, 3> offsets, std::array<bool, 3> steps, Index count) {
        const auto* condition = run.in<std::uint8_t>(0) + offsets[0];
        const T *a = run.in<T>(1) + offsets[1], *b = run.in<T>(2) + offsets[2];
        T* y = run.out<T>(0) + at;
        Index stepC = steps[0], stepA = steps[1], stepB = steps[2];
        if (stepC && stepA && stepB) {
#pragma omp simd
          for (Index i = 0; i < count; i++) y[i] = condition[i] ? a[i] : b[i];
        } else {
          for (Index i = 0; i < count; i++) y[i] = condition[i * stepC] ? a[i * stepA] : b[i * stepB];
        }
      });
    });
  });
}

}  // namespace cnn::cpu

// Ops that only move elements. Channels-last tensors stay so, since a walk with strides reads any layout.
#include "kernels/copy.hpp"

#include <bit>
#include <limits>

#include "check.hpp"
#include "prepare.hpp"

namespace cnn::cuda {

namespace {

/// Bytes from a tensor's first element to the one at `offset`.
template <class T>
T* shifted(T* memory, Index offset, std::size_t elementBytes) {
  using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
  return static_cast<Byte*>(memory) + offset * static_cast<Index>(elementBytes);
}

/// A kernel whose output, in y's layout, is x read with `strides` (one an axis of y) from offset `start` on.
Prepared readStrided(const Signature& signature, Engine& engine, Layout from, const TensorDesc& y, const Dims& strides,
                     Index start = 0) {
  Dims order = memoryOrder(y);
  Walk<2> walk = makeWalk<2>(permuted(y.shape, order), {permuted(stridesOf(y), order), permuted(strides, order)});
  return ready(signature,
               [&engine, walk, start, bytes = sizeOf(y.dtype)](const Run& run) {
                 launchCopy(engine.stream, bytes, walk, shifted(run.in<void>(0), start, bytes), run.out<void>(0));
               },
               0, {from}, {y.layout});
}

/// Where a slice begins, and its strides, in a tensor.
struct Part {
  Index start = 0;
  Dims strides;
  template <class SliceOp>
  Part(const SliceOp& op, const TensorDesc& desc) : strides(stridesOf(desc)) {
    for (int axis = 0; axis < desc.rank(); axis++) {
      start += op.starts[axis] * strides[axis];
      strides[axis] *= op.steps[axis];
    }
  }
};

template <class T>
std::uint64_t saturated(double value) {
  using Limits = std::numeric_limits<T>;
  if (!(value > static_cast<double>(Limits::min())))
    return static_cast<std::make_unsigned_t<T>>(value == value ? Limits::min() : T(0));
  T whole = value >= static_cast<double>(Limits::max()) ? Limits::max() : static_cast<T>(value);
  return static_cast<std::make_unsigned_t<T>>(whole);
}

}  // namespace

std::uint64_t bitsOf(DType dtype, double value) {
  switch (dtype) {
    case DType::float32: return std::bit_cast<std::uint32_t>(static_cast<float>(value));
    case DType::float64: return std::bit_cast<std::uint64_t>(value);
    case DType::bfloat16: return BFloat16(static_cast<float>(value)).bits;
    case DType::float16: return Float16(static_cast<float>(value)).bits;
    case DType::int32: return saturated<std::int32_t>(value);
    case DType::uint8: return saturated<std::uint8_t>(value);
    case DType::boolean: return value != 0;
  }
  return 0;
}

Prepared prepare(const Reshape&, const Signature& signature, Engine& engine) {
  const TensorDesc& y = signature.outputs[0];
  return ready(signature,
               [&engine, bytes = sizeOf(y.dtype), walk = makeWalk<2>({y.elements()}, {Dims{1}, Dims{1}})](
                   const Run& run) { launchCopy(engine.stream, bytes, walk, run.in<void>(0), run.out<void>(0)); });
}

Prepared prepare(const Permute& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  Dims strides = permuted(stridesOf(x), op.axes);
  TensorDesc y = signature.outputs[0];
  // Channels-last where that makes it a plain copy: [N, H, W, C] to [N, C, H, W].
  TensorDesc last = in(y, channelsLast);
  if (hasChannelsLast(y.shape) && stridesOf(last) == strides && stridesOf(y) != strides) y = last;
  return readStrided(signature, engine, x.layout, y, strides);
}

Prepared prepare(const Expand&, const Signature& signature, Engine& engine) {
  const TensorDesc &x = signature.inputs[0], &y = signature.outputs[0];
  Layout layout = x.rank() == y.rank() ? x.layout : Layout{};
  return readStrided(signature, engine, x.layout, in(y, layout), broadcastStrides(x.shape, y.shape, stridesOf(x)));
}

Prepared prepare(const Concat& op, const Signature& signature, Engine& engine) {
  Layout layout;
  for (const TensorDesc& x : signature.inputs) {
    if (x.layout == channelsLast) layout = channelsLast;
  }
  // In memory each tensor is [outer, its block], the axis being the first that a block has.
  TensorDesc y = in(signature.outputs[0], layout);
  auto blockBytes = [&](const TensorDesc& x) {
    Dims order = memoryOrder(in(x, layout));
    int at = static_cast<int>(std::find(order.begin(), order.end(), op.axis) - order.begin());
    return permuted(x.shape, order).slice(at).product() * static_cast<Index>(sizeOf(x.dtype));
  };
  Index rowBytes = blockBytes(y);
  Index outer = rowBytes == 0 ? 0 : static_cast<Index>(y.plainBytes()) / rowBytes;
  std::vector<ConcatPart> parts;
  Index start = 0;
  for (const TensorDesc& x : signature.inputs) {
    parts.push_back({nullptr, start, blockBytes(x)});
    start += parts.back().bytes;
  }
  auto kernel = makeKernel(signature, [&engine, outer, rowBytes, parts](const Run& run) {
    std::vector<ConcatPart> given = parts;
    for (std::size_t i = 0; i < given.size(); i++) given[i].x = run.inputs[i];
    launchConcat(engine.stream, outer, rowBytes, given, run.out<void>(0));
  });
  kernel->inputLayouts.assign(signature.inputs.size(), layout);
  kernel->outputs[0].layout = layout;
  // As cudaMalloc aligns memory, which the libraries count on.
  bool isAligned =
      std::all_of(parts.begin(), parts.end(), [](const ConcatPart& part) { return part.start % 256 == 0; });
  if (outer == 1 && isAligned) {
    for (const ConcatPart& part : parts) kernel->pieces.push_back(static_cast<std::size_t>(part.start));
  }
  return {kernel, {}};
}

Prepared prepare(const Slice& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  Part part(op, x);
  TensorDesc y = in(signature.outputs[0], x.layout);
  return readStrided(signature, engine, x.layout, y, part.strides, y.elements() == 0 ? 0 : part.start);
}

Prepared prepare(const SliceBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dy = signature.inputs[0];
  TensorDesc dx = in(signature.outputs[0], dy.layout);
  Part part(op, dx);
  Dims order = memoryOrder(dy);
  Walk<2> walk =
      makeWalk<2>(permuted(dy.shape, order), {permuted(part.strides, order), permuted(stridesOf(dy), order)});
  return ready(signature,
               [&engine, walk, start = dy.elements() == 0 ? 0 : part.start, count = dx.plainBytes(),
                bytes = sizeOf(dx.dtype)](const Run& run) {
                 if (count > 0) CHECK(cudaMemsetAsync(run.out<void>(0), 0, count, engine.stream));
                 launchCopy(engine.stream, bytes, walk, run.in<void>(0), shifted(run.out<void>(0), start, bytes));
               },
               0, {dy.layout}, {dy.layout});
}

Prepared prepare(const Pad& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  PadShape shape = makePadShape(op.mode, x, signature.outputs[0].shape, op.low);
  return ready(signature,
               [&engine, shape, constant = bitsOf(x.dtype, op.value), bytes = sizeOf(x.dtype)](const Run& run) {
                 launchPad(engine.stream, bytes, shape, constant, run.in<void>(0), run.out<void>(0));
               },
               0, {x.layout}, {x.layout});
}

Prepared prepare(const PadBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dy = signature.inputs[0];
  PadShape shape = makePadShape(op.mode, in(signature.outputs[0], dy.layout), dy.shape, op.low);
  return ready(signature,
               [&engine, shape, dtype = dy.dtype](const Run& run) {
                 launchPadBackward(engine.stream, dtype, shape, run.in<void>(0), run.out<void>(0));
               },
               0, {dy.layout}, {dy.layout});
}

Prepared prepare(const Flip& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  Dims strides = stridesOf(x);
  Index start = 0;
  for (Index each : op.axes) {
    int axis = static_cast<int>(each);
    start += (x.shape[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  return readStrided(signature, engine, x.layout, in(signature.outputs[0], x.layout), strides,
                     x.elements() == 0 ? 0 : start);
}

KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to, Engine& engine) {
  Descs outputs = {to};
  Dims order = memoryOrder(to);
  Walk<2> walk =
      makeWalk<2>(permuted(to.shape, order), {permuted(stridesOf(to), order), permuted(stridesOf(from), order)});
  return makeKernel({{&from, 1}, outputs}, [&engine, walk, bytes = sizeOf(to.dtype)](const Run& run) {
    launchCopy(engine.stream, bytes, walk, run.in<void>(0), run.out<void>(0));
  });
}

}  // namespace cnn::cuda

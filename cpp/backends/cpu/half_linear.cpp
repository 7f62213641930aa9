// Products of bfloat16 matrices by oneDNN's matmul primitive: sums in float32, each rounded once.
#include "half_linear.hpp"

#include <algorithm>

#include "onednn.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

bool isSupported(const Signature& signature) {
  for (const TensorDesc& desc : signature.inputs) {
    if (desc.defined && (desc.dtype != DType::bfloat16 || desc.elements() == 0)) return false;
  }
  return signature.outputs[0].elements() > 0;
}

// A matrix [rows, columns], or a batch of them; `isTransposed`: it lies as [columns, rows].
struct Factor {
  Index rows, columns;
  bool isTransposed = false;

  MemoryDesc desc(Index batch) const {
    const Index size = rows * columns;
    DnnlDims dims{rows, columns}, strides{isTransposed ? 1 : columns, isTransposed ? rows : 1};
    if (batch > 1) {
      dims.insert(dims.begin(), batch);
      strides.insert(strides.begin(), size);
    }
    return MemoryDesc(dims, dnnl::memory::data_type::bf16, strides);
  }
};

// y = a·b (+ bias, one number a column), `batch` times. Arguments: a, b, y, bias. Null where oneDNN would widen it.
std::shared_ptr<Primitive> makeProduct(const Engine& engine, const Factor& a, const Factor& b, bool hasBias = false, Index batch = 1) {
  const double work = static_cast<double>(batch) * static_cast<double>(a.rows) * static_cast<double>(a.columns) * static_cast<double>(b.columns);
  const int threads = engine.threadsFor(work);
  ThreadScope scope(threads);
  const MemoryDesc y = Factor{a.rows, b.columns}.desc(batch), bias = Factor{1, b.columns}.desc(1);
  const auto desc = hasBias ? dnnl::matmul::desc(a.desc(batch), b.desc(batch), bias, y) : dnnl::matmul::desc(a.desc(batch), b.desc(batch), y);
  const dnnl::matmul::primitive_desc chosen(desc, userScratchpad(), engine.dnnl, true);
  if (!chosen || !computesInHalf(chosen)) return nullptr;
  std::vector<Primitive::Argument> arguments = {
      {DNNL_ARG_SRC, chosen.src_desc()}, {DNNL_ARG_WEIGHTS, chosen.weights_desc()}, {DNNL_ARG_DST, chosen.dst_desc()}};
  if (hasBias) arguments.push_back({DNNL_ARG_BIAS, bias});
  return std::make_shared<Primitive>(engine, chosen, dnnl::matmul(chosen), arguments, threads);
}

Index rowsOf(const Dims& shape) { return shape.slice(0, shape.size() - 1).product(); }

}  // namespace

KernelPtr prepareHalf(const Linear&, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  const Dims &x = signature.inputs[0].shape, &weight = signature.inputs[1].shape;
  auto product = makeProduct(engine, {rowsOf(x), weight[1]}, {weight[1], weight[0], true}, signature.inputs[2].defined);
  if (!product) return nullptr;
  return makeKernel(
      signature, [product](const Run& run) { product->run({run.inputs[0], run.inputs[1], run.outputs[0], run.inputs[2]}, run.workspace); },
      product->scratchBytes());
}

KernelPtr prepareHalf(const LinearBackwardWeight& op, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  const Dims &x = signature.inputs[0].shape, &dy = signature.inputs[1].shape;
  const Index rows = rowsOf(x), outputs = dy.back();
  auto product = makeProduct(engine, {outputs, rows, true}, {rows, x.back()});  // dyᵀ [O, rows] · x [rows, I]
  if (!product) return nullptr;
  // the sums of a bias, [O], in float32 as those of the product
  const std::size_t scratchAt = op.bias ? aligned(static_cast<std::size_t>(outputs) * sizeof(float)) : 0;
  return makeKernel(
      signature,
      [=, bias = op.bias](const Run& run) {
        product->run({run.inputs[1], run.inputs[0], run.outputs[0]}, static_cast<std::byte*>(run.workspace) + scratchAt);
        if (!bias) return;
        auto* sums = static_cast<float*>(run.workspace);
        std::fill_n(sums, outputs, 0.0f);
        for (Index row = 0; row < rows; row++) {
          const BFloat16* from = run.in<BFloat16>(1) + row * outputs;
#pragma omp simd
          for (Index o = 0; o < outputs; o++) sums[o] += static_cast<float>(from[o]);
        }
        for (Index o = 0; o < outputs; o++) run.out<BFloat16>(1)[o] = BFloat16(sums[o]);
      },
      scratchAt + product->scratchBytes());
}

KernelPtr prepareHalf(const MatMul& op, const Signature& signature, Engine& engine) {
  if (!isSupported(signature)) return nullptr;
  const Dims &a = signature.inputs[0].shape, &b = signature.inputs[1].shape, &y = signature.outputs[0].shape;
  const Dims batch = y.slice(0, y.size() - 2);
  const Index count = batch.product();
  // Only whole batches: a factor that is broadcast is left to float32.
  if (count > 1 && (a.slice(0, a.size() - 2) != batch || b.slice(0, b.size() - 2) != batch)) return nullptr;
  const Index m = y[y.size() - 2], n = y.back(), k = op.transposeA ? a[a.size() - 2] : a.back();
  auto product = makeProduct(engine, {m, k, op.transposeA}, {k, n, op.transposeB}, false, count);
  if (!product) return nullptr;
  return makeKernel(
      signature, [product](const Run& run) { product->run({run.inputs[0], run.inputs[1], run.outputs[0]}, run.workspace); },
      product->scratchBytes());
}

}  // namespace cnn::cpu

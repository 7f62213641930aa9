// bfloat16 is multiplied where the processor does so itself, sums being float32 and rounded once. Of float32 a layer's
// product, where weights are packed ahead or there are rows enough to be worth packing; for gradients sgemm is as fast.
#include "linear_primitive.hpp"

#include <algorithm>

#include "parallel.hpp"
#include "product.hpp"
#include "rectify.hpp"

namespace cnn::cpu {

namespace {

constexpr Index fewRows = 16;  // below that, oneDNN's sgemm is faster than its primitive on plain weights

bool isOf(DType dtype, const Signature& signature) {
  for (const TensorDesc& desc : signature.inputs) {
    if (desc.defined && (desc.dtype != dtype || desc.elements() == 0)) return false;
  }
  return signature.outputs[0].elements() > 0;
}

Index rowsOf(const Dims& shape) { return shape.slice(0, shape.size() - 1).product(); }

}  // namespace

KernelPtr prepareByPrimitive(const LinearActivation& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return nullptr;
  const bool isHalf = isOf(DType::bfloat16, signature);
  if (!isHalf && !isOf(DType::float32, signature)) return nullptr;
  const Dims &x = signature.inputs[0].shape, &weight = signature.inputs[1].shape;
  const Index rows = rowsOf(x);
  const bool packs = !isHalf && signature.isStable(1) && rows > 1;  // once for all runs
  if (!isHalf && !packs && rows < fewRows) return nullptr;
  auto product =
      makeProduct(engine, {rows, weight[1]}, {weight[1], weight[0], true},
                  {.dtype = signature.inputs[0].dtype, .hasBias = signature.inputs[2].defined, .ordersB = packs});
  if (!product) return nullptr;
  auto kernel = makeKernel(
      signature,
      [primitive = product->primitive, activation = op.activation, dtype = signature.outputs[0].dtype,
       bytes = signature.outputs[0].plainBytes()](const Run& run) {
        primitive->run({run.inputs[0], run.inputs[1], run.outputs[0], run.inputs[2]}, run.workspace);
        rectify(activation, dtype, run.outputs[0],
                bytes);  // as a post-op it would lose NaN, and next to the product it takes no time
      },
      product->primitive->scratchBytes());
  if (packs) {
    Format packed = *product->orderOfB;  // of weightᵀ
    for (Step& step : packed) step.axis = 1 - step.axis;
    kernel->inputLayouts = {Layout{}, engine.layouts.intern(packed, weight), Layout{}};
  }
  return kernel;
}

KernelPtr prepareByPrimitive(const LinearBackwardWeight& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return nullptr;
  if (!isOf(DType::bfloat16, signature)) return nullptr;
  const Dims &x = signature.inputs[0].shape, &dy = signature.inputs[1].shape;
  const Index rows = rowsOf(x), outputs = dy.back();
  auto product = makeProduct(engine, {outputs, rows, true}, {rows, x.back()},
                             {.dtype = DType::bfloat16});  // dyᵀ [O, rows] · x [rows, I]
  if (!product) return nullptr;
  // the sums of a bias, [O], in float32 as those of the product
  const std::size_t scratchAt = op.bias ? aligned(static_cast<std::size_t>(outputs) * sizeof(float)) : 0;
  return makeKernel(
      signature,
      [=, primitive = product->primitive, bias = op.bias](const Run& run) {
        primitive->run({run.inputs[1], run.inputs[0], run.outputs[0]},
                       static_cast<std::byte*>(run.workspace) + scratchAt);
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
      scratchAt + product->primitive->scratchBytes());
}

KernelPtr prepareByPrimitive(const MatMul& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return nullptr;
  if (!isOf(DType::bfloat16, signature)) return nullptr;
  const Dims &a = signature.inputs[0].shape, &b = signature.inputs[1].shape, &y = signature.outputs[0].shape;
  const Dims batch = y.slice(0, y.size() - 2);
  const Index count = batch.product();
  // Only whole batches: a factor that is broadcast is left to float32.
  if (count > 1 && (a.slice(0, a.size() - 2) != batch || b.slice(0, b.size() - 2) != batch)) return nullptr;
  const Index m = y[y.size() - 2], n = y.back(), k = op.transposeA ? a[a.size() - 2] : a.back();
  auto product =
      makeProduct(engine, {m, k, op.transposeA}, {k, n, op.transposeB}, {.dtype = DType::bfloat16, .batch = count});
  if (!product) return nullptr;
  return makeKernel(
      signature,
      [primitive = product->primitive](const Run& run) {
        primitive->run({run.inputs[0], run.inputs[1], run.outputs[0]}, run.workspace);
      },
      product->primitive->scratchBytes());
}

}  // namespace cnn::cpu

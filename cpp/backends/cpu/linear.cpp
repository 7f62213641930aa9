// Linear layers and matrix products, all in plain layouts.
#include <algorithm>

#include "gemm.hpp"
#include "kernels.hpp"
#include "linear_primitive.hpp"
#include "packed_gemm.hpp"
#include "parallel.hpp"
#include "rectify.hpp"
#include "sweep.hpp"

namespace cnn::cpu {

namespace {

// By own kernels, of weights that stay and so are packed once; bias and activation are applied in registers.
KernelPtr preparePacked(const LinearActivation& op, const Signature& signature, Engine& engine, Gemm gemm) {
  gemm.accumulate = false;
  TileFinish finish;
  if (op.activation != Activation::identity) finish.lowest = 0;
  if (op.activation == Activation::relu6) finish.highest = 6;
  const PackedGemm packed(gemm, true);
  const int threads = engine.threadsFor(gemm.multiplyAdds());
  auto run = [packed, finish, threads](const Run& run) {
    ThreadScope scope(threads);
    TileFinish own = finish;
    own.bias = run.in<float>(2);
    packed.run(run.in<float>(0), run.in<float>(1), run.out<float>(0), run.workspace, own);
  };
  auto kernel = makeKernel(signature, run, packed.scratchBytes(threads));
  kernel->inputLayouts = {Layout{}, engine.layouts.intern({{0, 0}, {1, 0}, {0, blockLanes}}, signature.inputs[1].shape),
                          Layout{}};
  return kernel;
}

}  // namespace

KernelPtr prepare(const Linear&, const Signature& signature, Engine& engine) {
  return prepare(LinearActivation{}, signature, engine);
}

KernelPtr prepare(const LinearActivation& op, const Signature& signature, Engine& engine) {
  if (KernelPtr kernel = prepareByPrimitive(op, signature, engine)) return kernel;
  const Dims &x = signature.inputs[0].shape, &weight = signature.inputs[1].shape;
  Gemm gemm{.transposeB = true,
            .m = x.slice(0, x.size() - 1).product(),
            .n = weight[0],
            .k = weight[1],
            .accumulate = signature.inputs[2].defined,
            .isOwn = !engine.usesOneDnn};
  if (signature.inputs[0].dtype != DType::float32 || gemm.multiplyAdds() == 0) return nullptr;
  if (gemm.isOwn && signature.isStable(1) && !gemm.isVector()) return preparePacked(op, signature, engine, gemm);
  const int threads = engine.threadsFor(gemm.multiplyAdds());
  auto run = [gemm, activation = op.activation, threads](const Run& run) {
    ThreadScope scope(threads);
    float* y = run.out<float>(0);
    if (const float* bias = run.in<float>(2)) {
      for (Index row = 0; row < gemm.m; row++) std::copy(bias, bias + gemm.n, y + row * gemm.n);
    }
    gemm.run(run.in<float>(0), run.in<float>(1), y, run.workspace);
    rectify(activation, DType::float32, y, static_cast<std::size_t>(gemm.m * gemm.n) * sizeof(float));
  };
  return makeKernel(signature, run, gemm.scratchBytes(threads));
}

KernelPtr prepare(const LinearBackwardWeight& op, const Signature& signature, Engine& engine) {
  if (KernelPtr kernel = prepareByPrimitive(op, signature, engine)) return kernel;
  const Dims &x = signature.inputs[0].shape, &dy = signature.inputs[1].shape;
  Index rows = x.slice(0, x.size() - 1).product(), outputs = dy.back();
  Gemm gemm{.transposeA = true, .m = outputs, .n = x.back(), .k = rows, .isOwn = !engine.usesOneDnn};
  if (signature.inputs[0].dtype != DType::float32 || gemm.multiplyAdds() == 0) return nullptr;
  // the sums of a bias, [O], in double: there may be many rows
  const std::size_t scratchAt = op.bias ? aligned(static_cast<std::size_t>(outputs) * sizeof(double)) : 0;
  const int threads = engine.threadsFor(gemm.multiplyAdds());
  return makeKernel(
      signature,
      [gemm, bias = op.bias, threads, scratchAt](const Run& run) {
        ThreadScope scope(threads);
        const float* dy = run.in<float>(1);
        gemm.run(dy, run.in<float>(0), run.out<float>(0), static_cast<std::byte*>(run.workspace) + scratchAt);
        if (!bias) return;
        auto sums = static_cast<double*>(run.workspace);
        std::fill_n(sums, gemm.m, 0.0);
        for (Index row = 0; row < gemm.k; row++) {
          for (Index o = 0; o < gemm.m; o++) sums[o] += static_cast<double>(dy[row * gemm.m + o]);
        }
        for (Index o = 0; o < gemm.m; o++) run.out<float>(1)[o] = static_cast<float>(sums[o]);
      },
      scratchAt + gemm.scratchBytes(threads));
}

KernelPtr prepare(const MatMul& op, const Signature& signature, Engine& engine) {
  if (KernelPtr kernel = prepareByPrimitive(op, signature, engine)) return kernel;
  const Dims &a = signature.inputs[0].shape, &b = signature.inputs[1].shape, &y = signature.outputs[0].shape;
  int rankA = a.size(), rankB = b.size();
  Gemm gemm{.transposeA = op.transposeA,
            .transposeB = op.transposeB,
            .m = y[y.size() - 2],
            .n = y.back(),
            .k = op.transposeA ? a[rankA - 2] : a[rankA - 1],
            .isOwn = !engine.usesOneDnn};
  Dims batch = y.slice(0, y.size() - 2);
  Index count = batch.product();
  if (signature.inputs[0].dtype != DType::float32 || gemm.multiplyAdds() == 0 || count == 0) return nullptr;
  double work = gemm.multiplyAdds() * static_cast<double>(count);
  int threads = engine.threadsFor(work);
  if (count == 1) {
    auto run = [gemm, threads](const Run& run) {
      ThreadScope scope(threads);
      gemm.run(run.in<float>(0), run.in<float>(1), run.out<float>(0), run.workspace);
    };
    return makeKernel(signature, run, gemm.scratchBytes(threads));
  }
  // Where each product of the batch finds its factors.
  Dims stridesA = broadcastStrides(a.slice(0, rankA - 2), batch),
       stridesB = broadcastStrides(b.slice(0, rankB - 2), batch);
  bool splits = threads > 1 && (engine.threadsFor(gemm.multiplyAdds()) == 1 || count >= 4 * threads);
  const std::size_t shareBytes = gemm.scratchBytes(1);
  auto run = [=](const Run& run) {
    ThreadScope scope(threads);
    parallelFor(count, splits ? 1 : count, [&](Index from, Index to, int member) {
      for (Index i = from; i < to; i++) {
        Index rest = i, offsetA = 0, offsetB = 0;
        for (int axis = batch.size() - 1; axis >= 0; axis--) {
          offsetA += rest % batch[axis] * stridesA[axis];
          offsetB += rest % batch[axis] * stridesB[axis];
          rest /= batch[axis];
        }
        gemm.run(run.in<float>(0) + offsetA * gemm.m * gemm.k, run.in<float>(1) + offsetB * gemm.k * gemm.n,
                 run.out<float>(0) + i * gemm.m * gemm.n,
                 static_cast<std::byte*>(run.workspace) + static_cast<std::size_t>(member) * shareBytes);
      }
    });
  };
  return makeKernel(signature, run, gemm.scratchBytes(threads));
}

}  // namespace cnn::cpu

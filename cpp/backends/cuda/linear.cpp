// Linear layers and matrix products, all in plain layouts.
#include <algorithm>
#include <numeric>

#include "check.hpp"
#include "gemm.hpp"
#include "kernels.hpp"

namespace cnn::cuda {

namespace {

std::string unsupported(const GemmShape& shape) {
  return text("cuBLASLt has no algorithm for a ", toString(shape.dtype), " product of ", shape.m, " x ", shape.k, " x ",
              shape.n, " within ", "the workspace limit");
}

std::byte* advance(void* pointer, Index bytes) { return static_cast<std::byte*>(pointer) + bytes; }
const std::byte* advance(const void* pointer, Index bytes) { return static_cast<const std::byte*>(pointer) + bytes; }

// y [rows, n] ← row [n], each copy twice as large as the one before.
void repeatRow(const void* row, void* y, Index rows, std::size_t rowBytes, cudaStream_t stream) {
  if (rows == 0 || rowBytes == 0) return;
  CHECK(cudaMemcpyAsync(y, row, rowBytes, cudaMemcpyDeviceToDevice, stream));
  for (Index done = 1; done < rows; done *= 2) {
    std::size_t bytes = static_cast<std::size_t>(std::min(done, rows - done)) * rowBytes;
    CHECK(cudaMemcpyAsync(advance(y, done * static_cast<Index>(rowBytes)), y, bytes, cudaMemcpyDeviceToDevice, stream));
  }
}

// ---- batches of products ----

// An axis of the batch: so many products, whose matrices lie so many elements apart (0: the same one).
struct Axis {
  Index size = 1, strideA = 0, strideB = 0, strideY = 0;
};

// The batch of y as few axes: those of one product vanish, and neighbours that can be walked with one stride become
// one.
std::vector<Axis> batchAxes(const GemmShape& shape, const Dims& batch, const Dims& a, const Dims& b) {
  std::vector<Axis> axes;
  Index stepA = shape.m * shape.k, stepB = shape.k * shape.n, stepY = shape.m * shape.n;
  for (int i = batch.size() - 1; i >= 0; i--) {
    int inA = i - (batch.size() - a.size()), inB = i - (batch.size() - b.size());
    Index sizeA = inA >= 0 ? a[inA] : 1, sizeB = inB >= 0 ? b[inB] : 1;
    Axis axis{batch[i], sizeA > 1 ? stepA : 0, sizeB > 1 ? stepB : 0, stepY};
    stepA *= sizeA;
    stepB *= sizeB;
    stepY *= axis.size;
    if (axis.size == 1) continue;
    if (!axes.empty() && axis.strideA == axes.back().strideA * axes.back().size &&
        axis.strideB == axes.back().strideB * axes.back().size) {
      axes.back().size *= axis.size;
    } else {
      axes.push_back(axis);
    }
  }
  return axes;  // the innermost first
}

// Where each call of a batch starts, in elements.
struct Offsets {
  Index a, b, y;
};

struct BatchPlan {
  GemmShape shape;
  std::vector<Offsets> calls;
};

// The longest axis becomes one strided batch (or, where all its products share b, more rows of a); the host walks the
// others.
BatchPlan planBatch(GemmShape shape, std::vector<Axis> axes) {
  if (!axes.empty()) {
    auto longest =
        std::max_element(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.size < b.size; });
    Axis axis = *longest;
    axes.erase(longest);
    if (axis.strideB == 0 && !shape.transposeA && axis.strideA == shape.m * shape.k &&
        axis.strideY == shape.m * shape.n) {
      shape.m *= axis.size;
    } else {
      shape.batch = axis.size;
      shape.batchStrideA = axis.strideA;
      shape.batchStrideB = axis.strideB;
      shape.batchStrideY = axis.strideY;
    }
  }
  BatchPlan plan{shape, {{0, 0, 0}}};
  for (const Axis& axis : axes) {
    std::vector<Offsets> all;
    for (Index i = 0; i < axis.size; i++) {
      for (const Offsets& each : plan.calls)
        all.push_back({each.a + i * axis.strideA, each.b + i * axis.strideB, each.y + i * axis.strideY});
    }
    plan.calls = std::move(all);
  }
  // what every start is a multiple of
  auto bytes = static_cast<Index>(sizeOf(shape.dtype));
  auto alignment = static_cast<Index>(plan.shape.alignment);
  for (const Offsets& each : plan.calls) {
    for (Index offset : {each.a, each.b, each.y}) alignment = std::gcd(alignment, offset * bytes);
  }
  plan.shape.alignment = static_cast<std::size_t>(alignment);
  return plan;
}

}  // namespace

Prepared prepare(const Linear&, const Signature& signature, Engine& engine) {
  const Dims &x = signature.inputs[0].shape, &weight = signature.inputs[1].shape;
  DType dtype = signature.inputs[0].dtype;
  GemmShape shape{.dtype = dtype,
                  .transposeB = true,
                  .m = x.slice(0, x.size() - 1).product(),
                  .n = weight[0],
                  .k = weight[1],
                  .epilogue = signature.inputs[2].defined ? Epilogue::bias : Epilogue::none};
  std::size_t rowBytes = static_cast<std::size_t>(shape.n) * sizeOf(dtype);
  if (shape.m == 0 || shape.n == 0) return {makeKernel(signature, [](const Run&) {}), ""};
  if (shape.k == 0) {  // nothing to sum: y is the bias, or zero
    return {
        makeKernel(signature,
                   [m = shape.m, rowBytes, &engine](const Run& run) {
                     if (run.inputs[2]) return repeatRow(run.inputs[2], run.outputs[0], m, rowBytes, engine.stream);
                     CHECK(cudaMemsetAsync(run.outputs[0], 0, static_cast<std::size_t>(m) * rowBytes, engine.stream));
                   }),
        ""};
  }
  auto gemm = std::make_shared<Gemm>(shape, engine);
  if (!gemm->isSupported() &&
      shape.epilogue == Epilogue::bias) {  // the library lacks it for some types: y starts as the bias instead
    shape.epilogue = Epilogue::none;
    shape.accumulate = true;
    gemm = std::make_shared<Gemm>(shape, engine);
  }
  if (!gemm->isSupported()) return {nullptr, unsupported(shape)};
  auto kernel = makeKernel(
      signature,
      [gemm, shape, rowBytes, &engine](const Run& run) {
        if (shape.accumulate) repeatRow(run.inputs[2], run.outputs[0], shape.m, rowBytes, engine.stream);
        gemm->run(run.inputs[0], run.inputs[1], run.inputs[2], run.outputs[0], run.workspace, engine);
      },
      gemm->workspaceBytes());
  return {kernel, ""};
}

// LinearActivation is not fused: of its ReLU cuBLASLt says max(x, 0), and not that NaN stays.

namespace {

const Op sumOverRows = Reduce{.function = ReduceFunction::sum, .axes = {0}, .keepdim = false};

// db [O] where the library can't sum it along: Σ of the columns of dy [rows, O].
Prepared columnSums(const TensorDesc& dy, const TensorDesc& db, Engine& engine) {
  TensorDesc rows(dy.dtype, {dy.elements() / dy.shape.back(), dy.shape.back()});
  Descs outputs{db};
  return prepare(std::get<Reduce>(sumOverRows), Signature{{&rows, 1}, outputs}, engine);
}

}  // namespace

Prepared prepare(const LinearBackwardWeight& op, const Signature& signature, Engine& engine) {
  const TensorDesc &x = signature.inputs[0], &dy = signature.inputs[1];
  GemmShape shape{.dtype = x.dtype,
                  .transposeA = true,
                  .m = dy.shape.back(),
                  .n = x.shape.back(),
                  .k = x.shape.slice(0, x.rank() - 1).product(),
                  .epilogue = op.bias ? Epilogue::rowGradient : Epilogue::none};
  std::shared_ptr<Gemm> gemm;  // none where there is nothing to multiply
  if (shape.m > 0 && shape.n > 0 && shape.k > 0) gemm = std::make_shared<Gemm>(shape, engine);
  KernelPtr sums;
  if (op.bias && shape.m > 0 && shape.k > 0 && !(gemm && gemm->isSupported())) {
    Prepared prepared = columnSums(dy, signature.outputs[1], engine);
    if (!prepared.kernel) return prepared;
    sums = prepared.kernel;
    shape.epilogue = Epilogue::none;
    if (gemm) gemm = std::make_shared<Gemm>(shape, engine);
  }
  if (gemm && !gemm->isSupported()) return {nullptr, unsupported(shape)};
  auto clear = [&engine](void* memory, std::size_t bytes) {
    if (bytes > 0) CHECK(cudaMemsetAsync(memory, 0, bytes, engine.stream));
  };
  auto kernel = makeKernel(
      signature,
      [gemm, sums, clear, outputs = signature.outputs, bias = op.bias, &engine](const Run& run) {
        if (gemm) {
          gemm->run(run.inputs[1], run.inputs[0], bias ? run.outputs[1] : nullptr, run.outputs[0], run.workspace,
                    engine);
        } else {
          clear(run.outputs[0], outputs[0].plainBytes());
        }
        if (sums) {
          sums->run(Run{sumOverRows, run.inputs.subspan(1, 1), run.outputs.subspan(1, 1), run.workspace});
        } else if (bias && !gemm) {
          clear(run.outputs[1], outputs[1].plainBytes());
        }
      },
      std::max(gemm ? gemm->workspaceBytes() : 0, sums ? sums->workspaceBytes : 0));
  return {kernel, ""};
}

Prepared prepare(const MatMul& op, const Signature& signature, Engine& engine) {
  const Dims &a = signature.inputs[0].shape, &b = signature.inputs[1].shape, &y = signature.outputs[0].shape;
  GemmShape shape{.dtype = signature.inputs[0].dtype,
                  .transposeA = op.transposeA,
                  .transposeB = op.transposeB,
                  .m = y[y.size() - 2],
                  .n = y.back(),
                  .k = op.transposeA ? a[a.size() - 2] : a.back()};
  std::size_t bytes = signature.outputs[0].plainBytes();
  if (bytes == 0) return {makeKernel(signature, [](const Run&) {}), ""};
  if (shape.k == 0) {
    return {makeKernel(
                signature,
                [bytes, &engine](const Run& run) { CHECK(cudaMemsetAsync(run.outputs[0], 0, bytes, engine.stream)); }),
            ""};
  }
  BatchPlan plan =
      planBatch(shape, batchAxes(shape, y.slice(0, y.size() - 2), a.slice(0, a.size() - 2), b.slice(0, b.size() - 2)));
  auto gemm = std::make_shared<Gemm>(plan.shape, engine);
  if (!gemm->isSupported()) return {nullptr, unsupported(plan.shape)};
  auto kernel = makeKernel(
      signature,
      [gemm, calls = std::move(plan.calls), bytes = static_cast<Index>(sizeOf(shape.dtype)), &engine](const Run& run) {
        for (const Offsets& each : calls) {
          gemm->run(advance(run.inputs[0], each.a * bytes), advance(run.inputs[1], each.b * bytes), nullptr,
                    advance(run.outputs[0], each.y * bytes), run.workspace, engine);
        }
      },
      gemm->workspaceBytes());
  return {kernel, ""};
}

}  // namespace cnn::cuda

// Losses of classes. Terms are added up by blocks, then by one block: in the same order each time.
#include "loss.hpp"

#include "backends/cuda/launch.cuh"
#include "nll.cuh"

namespace cnn::cuda {
namespace kernels {

/// −weight[target]·logp[target], a thread a position.
template <class T>
__global__ void nllLoss(NllView view, NllRule rule, const T* logp, const std::int32_t* target, const T* weight,
                        LossSums* parts, T* loss, T* totalWeight, FaultSink sink) {
  LossSums sums{0, 0};
  for (Index p = gridIndex(); p < view.positions; p += gridStep()) {
    Index c = classOf(target, p, view.classes, rule.ignoreIndex, FaultKind::nllLoss, sink);
    Compute<T> w = c < 0 ? 0 : weight ? get(weight[c]) : 1, term = 0;
    if (c >= 0) {
      term =
          -w * get(logp[p / view.inner * view.sampleStride + c * view.classStride + p % view.inner * view.placeStride]);
    }
    sums.loss += static_cast<double>(term);
    sums.weight += static_cast<double>(w);
    if (rule.reduction == Reduction::none) loss[p] = put<T>(term);
  }
  finishLoss(rule.reduction, sums, parts, loss, totalWeight);
}

/// The parts of all blocks become the loss: one block.
template <class T>
__global__ void sumLoss(Reduction reduction, const LossSums* parts, int count, T* loss, T* totalWeight) {
  LossSums sums{0, 0};
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    sums.loss += parts[i].loss;
    sums.weight += parts[i].weight;
  }
  finishLoss<T>(reduction, sums, nullptr, loss, totalWeight);
}

/// dlogp [N, classes, inner], a thread an element: zero but at the target.
template <class T>
__global__ void nllLossBackward(Index count, Index classes, Index inner, NllRule rule, const T* dy,
                                const std::int32_t* target, const T* weight, const T* totalWeight, T* dlogp,
                                FaultSink sink) {
  using C = Compute<T>;
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    Index c = i / inner % classes, p = i / (inner * classes) * inner + i % inner;
    Index wanted =
        classOf(target, p, classes, rule.ignoreIndex, FaultKind::nllLossBackward, c == 0 ? sink : FaultSink{});
    C g = 0;
    if (c == wanted) {
      g = -(weight ? get(weight[c]) : C(1)) * get(dy[rule.reduction == Reduction::none ? p : 0]);
      if (rule.reduction == Reduction::mean) g /= get(*totalWeight);
    }
    dlogp[i] = put<T>(g);
  }
}

/// The greatest logit of a row, and log Σ exp(logits − greatest).
template <class C>
struct LogSum {
  C greatest, rest;
};

/// logits [rows, classes], `lanes` threads a row: the greatest logit, the sum of the exponentials, the loss of the
/// target.
template <class T, int lanes>
__global__ void crossEntropy(Index rows, Index classes, NllRule rule, const T* logits, const std::int32_t* target,
                             const T* weight, LossSums* parts, T* loss, T* totalWeight, LogSum<Compute<T>>* logSums,
                             FaultSink sink) {
  using C = Compute<T>;
  LossSums sums{0, 0};
  Index perBlock = blockDim.x / lanes, lane = threadIdx.x % lanes;
  for (Index row = blockIdx.x * perBlock + threadIdx.x / lanes; row < rows; row += gridDim.x * perBlock) {
    const T* x = logits + row * classes;
    C greatest = -infinity<C>, sum = 0;
    for (Index i = lane; i < classes; i += lanes) greatest = larger(greatest, get(x[i]));
    greatest = rowReduce<lanes>(greatest, -infinity<C>, [](C a, C b) { return larger(a, b); });
    for (Index i = lane; i < classes; i += lanes) sum += exp(get(x[i]) - greatest);
    C rest = log(rowSum<lanes>(sum));
    if (lane != 0) continue;
    logSums[row] = {greatest, rest};
    Index c = classOf(target, row, classes, rule.ignoreIndex, FaultKind::crossEntropy, sink);
    C w = c < 0 ? 0 : weight ? get(weight[c]) : 1, term = c < 0 ? 0 : w * (greatest - get(x[c]) + rest);
    sums.loss += static_cast<double>(term);
    sums.weight += static_cast<double>(w);
    if (rule.reduction == Reduction::none) loss[row] = put<T>(term);
  }
  finishLoss(rule.reduction, sums, parts, loss, totalWeight);
}

/// A thread an element of dlogits [rows, classes].
template <class T>
__global__ void crossEntropyBackward(Index rows, Index classes, NllRule rule, const T* dy, const T* logits,
                                     const std::int32_t* target, const T* weight, const T* totalWeight,
                                     const LogSum<Compute<T>>* logSums, T* dlogits) {
  using C = Compute<T>;
  for (Index i = gridIndex(); i < rows * classes; i += gridStep()) {
    Index row = i / classes, c = i % classes;
    Index wanted = classOf(target, row, classes, rule.ignoreIndex, FaultKind::crossEntropy, FaultSink{});
    C scale = 0;  // of an ignored row, where NaN stays
    if (wanted >= 0) {
      scale = (weight ? get(weight[wanted]) : C(1)) * get(dy[rule.reduction == Reduction::none ? row : 0]);
      if (rule.reduction == Reduction::mean) scale /= get(*totalWeight);
    }
    LogSum<C> logSum = logSums[row];
    dlogits[i] = put<T>((exp(get(logits[i]) - logSum.greatest - logSum.rest) - (c == wanted ? C(1) : C(0))) * scale);
  }
}

}  // namespace kernels

namespace {

constexpr int mostParts = 512;

/// Blocks of 256 threads that add up `items` with `lanes` threads each, several items a thread.
Grid gridOfParts(Index items, int lanes) {
  Index blocks = std::clamp<Index>((items * lanes + 1023) / 1024, 1, mostParts);
  return {dim3(static_cast<unsigned>(blocks)), dim3(256)};
}

std::size_t partBytes(const Grid& grid) { return grid.blocks.x > 1 ? grid.blocks.x * sizeof(kernels::LossSums) : 0; }

int lanesOf(Index classes) { return classes <= 1024 ? 32 : 256; }

template <class T>
void launchSum(cudaStream_t stream, const Grid& grid, Reduction reduction, const kernels::LossSums* parts, T* loss,
               T* totalWeight) {
  int count = static_cast<int>(grid.blocks.x);
  if (count > 1)
    launch<kernels::sumLoss<T>>(stream, Grid{dim3(1), dim3(256)}, reduction, parts, count, loss, totalWeight);
}

}  // namespace

std::size_t nllLossWorkspace(const NllView& view) { return partBytes(gridOfParts(view.positions, 1)); }

void launchNllLoss(cudaStream_t stream, DType dtype, const NllView& view, NllRule rule, const void* logp,
                   const std::int32_t* target, const void* weight, void* loss, void* totalWeight, void* workspace,
                   FaultSink sink) {
  Grid grid = gridOfParts(view.positions, 1);  // never empty: a loss of nothing has a value too
  auto* parts = static_cast<kernels::LossSums*>(workspace);
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    T *result = static_cast<T*>(loss), *total = static_cast<T*>(totalWeight);
    launch<kernels::nllLoss<T>>(stream, grid, view, rule, static_cast<const T*>(logp), target,
                                static_cast<const T*>(weight), parts, result, total, sink);
    launchSum(stream, grid, rule.reduction, parts, result, total);
  });
}

void launchNllLossBackward(cudaStream_t stream, DType dtype, Index samples, Index classes, Index inner, NllRule rule,
                           const void* dy, const std::int32_t* target, const void* weight, const void* totalWeight,
                           void* dlogp, FaultSink sink) {
  Index count = samples * classes * inner;
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::nllLossBackward<T>>(stream, gridFor(count), count, classes, inner, rule, static_cast<const T*>(dy),
                                        target, static_cast<const T*>(weight), static_cast<const T*>(totalWeight),
                                        static_cast<T*>(dlogp), sink);
  });
}

std::size_t crossEntropyWorkspace(Index rows, Index classes) { return partBytes(gridOfParts(rows, lanesOf(classes))); }

void launchCrossEntropy(cudaStream_t stream, DType dtype, Index rows, Index classes, NllRule rule, const void* logits,
                        const std::int32_t* target, const void* weight, void* loss, void* totalWeight, void* logSums,
                        void* workspace, FaultSink sink) {
  Grid grid = gridOfParts(rows, lanesOf(classes));
  auto* parts = static_cast<kernels::LossSums*>(workspace);
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    T *result = static_cast<T*>(loss), *total = static_cast<T*>(totalWeight);
    auto launchWith = [&]<int lanes>(std::integral_constant<int, lanes>) {
      launch<kernels::crossEntropy<T, lanes>>(stream, grid, rows, classes, rule, static_cast<const T*>(logits), target,
                                              static_cast<const T*>(weight), parts, result, total,
                                              static_cast<kernels::LogSum<kernels::Compute<T>>*>(logSums), sink);
    };
    if (lanesOf(classes) == 32) {
      launchWith(std::integral_constant<int, 32>{});
    } else {
      launchWith(std::integral_constant<int, 256>{});
    }
    launchSum(stream, grid, rule.reduction, parts, result, total);
  });
}

void launchCrossEntropyBackward(cudaStream_t stream, DType dtype, Index rows, Index classes, NllRule rule,
                                const void* dy, const void* logits, const std::int32_t* target, const void* weight,
                                const void* totalWeight, const void* logSums, void* dlogits) {
  if (rows * classes == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::crossEntropyBackward<T>>(
        stream, gridFor(rows * classes), rows, classes, rule, static_cast<const T*>(dy), static_cast<const T*>(logits),
        target, static_cast<const T*>(weight), static_cast<const T*>(totalWeight),
        static_cast<const kernels::LogSum<kernels::Compute<T>>*>(logSums), static_cast<T*>(dlogits));
  });
}

}  // namespace cnn::cuda

// Clipping gradients by their norm: one launch adds up parts, the next puts these together in every block and scales.
// Sums are in float64 and in a fixed order, so every block finds the same norm.
#include "blocks.cuh"
#include "tensor_table.cuh"
#include "update.hpp"

namespace cnn::cuda {
namespace kernels {

inline constexpr int clipBlocks = 1024;  // parts of one launch

/// Σ |g|^order, or the greatest |g| where the order is infinite; a NaN once held stays.
struct Power {
  double order;
  __device__ double of(double g) const {
    double magnitude = fabs(g);
    return order == 2 ? magnitude * magnitude : order == infinity<double> ? magnitude : pow(magnitude, order);
  }
  __device__ double operator()(double held, double next) const {
    if (order != infinity<double>) return held + next;
    return next > held || isNaN(next) ? next : held;
  }
  __device__ double root(double sum) const {
    return order == 2 ? sqrt(sum) : order == infinity<double> ? sum : pow(sum, 1 / order);
  }
};

/// parts [blocks]
template <class T>
__global__ void gradPowers(TensorTable<1> table, Power power, double* parts) {
  double held = 0;
  for (Index at = blockIdx.x; at < table.firstChunk[table.count]; at += gridDim.x) {
    Chunk chunk = chunkAt(table, at);
    const T* grad = static_cast<const T*>(table.tensors[0][chunk.tensor]);
    for (Index i = chunk.from + threadIdx.x; i < chunk.to; i += blockDim.x)
      held = power(held, power.of(static_cast<double>(grad[i])));
  }
  held = blockReduce(held, 0.0, power);
  if (threadIdx.x == 0) parts[blockIdx.x] = held;
}

/// parts [partCount] of all tables; norm null: another launch writes it.
template <class T>
__global__ void scaleGrads(TensorTable<1> table, Power power, double maxNorm, const double* parts, int partCount,
                           T* norm) {
  double held = 0;
  for (int i = static_cast<int>(threadIdx.x); i < partCount; i += static_cast<int>(blockDim.x))
    held = power(held, parts[i]);
  double total = power.root(blockReduce(held, 0.0, power));
  if (norm && blockIdx.x == 0 && threadIdx.x == 0) *norm = static_cast<T>(total);
  double factor = maxNorm / (total + 1e-6);
  if (factor >= 1) return;  // a NaN goes on into the gradients
  for (Index at = blockIdx.x; at < table.firstChunk[table.count]; at += gridDim.x) {
    Chunk chunk = chunkAt(table, at);
    T* grad = static_cast<T*>(table.tensors[0][chunk.tensor]);
    for (Index i = chunk.from + threadIdx.x; i < chunk.to; i += blockDim.x) grad[i] *= static_cast<T>(factor);
  }
}

}  // namespace kernels

namespace {

int tablesOf(const TensorLists& tensors) {
  constexpr std::size_t capacity = kernels::TensorTable<1>::capacity;
  return static_cast<int>((tensors.sizes.size() + capacity - 1) / capacity);
}

}  // namespace

std::size_t clipGradNormWorkspace(const TensorLists& tensors) {
  return static_cast<std::size_t>(tablesOf(tensors)) * kernels::clipBlocks * sizeof(double);
}

void launchClipGradNorm(cudaStream_t stream, const TensorLists& tensors, double maxNorm, double normType,
                        std::span<void* const> grads, void* norm, void* workspace) {
  double* parts = static_cast<double*>(workspace);
  kernels::Power power{normType};
  dispatchFloat(tensors.dtype, [&]<class T>(Type<T>) {
    int partCount = 0;
    forEachTable<1, T>(tensors, grads, kernels::clipBlocks,
                       [&](const kernels::TensorTable<1>& table, const Grid& grid, int) {
                         launch<kernels::gradPowers<T>>(stream, grid, table, power, parts + partCount);
                         partCount += static_cast<int>(grid.blocks.x);
                       });
    forEachTable<1, T>(
        tensors, grads, kernels::clipBlocks, [&](const kernels::TensorTable<1>& table, const Grid& grid, int n) {
          launch<kernels::scaleGrads<T>>(stream, grid, table, power, maxNorm, static_cast<const double*>(parts),
                                         partCount, n == 0 ? static_cast<T*>(norm) : nullptr);
        });
  });
}

}  // namespace cnn::cuda

// A random permutation: a bitonic sort of (key, number) pairs, O(n log² n) comparisons. Steps between far elements take
// a launch each; those within 2,048 elements share one, in shared memory. All pairs differ, so the order is the only
// one there is.
#include "backends/cuda/launch.cuh"
#include "base/philox.hpp"
#include "device.cuh"
#include "random.hpp"

namespace cnn::cuda {
namespace kernels {

inline constexpr int sortedBlock = 2048;  // elements of a block; half as many threads

struct Ranked {
  std::uint64_t key;
  std::int32_t value;
};

/// n pairs, and beyond them up to `padded` such as come after all others.
__global__ void rank(RandomStream stream, Index n, Index padded, Ranked* pairs) {
  for (Index i = gridIndex(); i < padded; i += gridStep()) {
    PhiloxBlock block = philox(static_cast<std::uint64_t>(stream.seed), static_cast<std::uint64_t>(stream.offset),
                               static_cast<std::uint64_t>(i));
    std::uint64_t key = static_cast<std::uint64_t>(block.words[0]) << 32 | block.words[1];
    pairs[i] = i < n ? Ranked{key, static_cast<std::int32_t>(i)} : Ranked{~std::uint64_t{0}, highest<std::int32_t>};
  }
}

/// Puts a and b in ascending or descending order.
__device__ inline void order(Ranked& a, Ranked& b, bool ascending) {
  bool isLess = a.key != b.key ? a.key < b.key : a.value < b.value;
  if (isLess == ascending) return;
  Ranked held = a;
  a = b;
  b = held;
}

/// The lower element of pair `pair` when elements `distance` (a power of two) apart are compared.
__device__ inline Index lowerOf(Index pair, Index distance) {
  return (pair & ~(distance - 1)) * 2 + (pair & (distance - 1));
}

/// One step of merging runs of `run` elements.
__global__ void mergeFar(Index padded, Index run, Index distance, Ranked* pairs) {
  for (Index pair = gridIndex(); pair < padded / 2; pair += gridStep()) {
    Index low = lowerOf(pair, distance);
    order(pairs[low], pairs[low + distance], (low & run) == 0);
  }
}

/// All steps of runs from `firstRun` to `lastRun` whose distances are within a block of 2,048.
__global__ void mergeNear(Index padded, Index firstRun, Index lastRun, Ranked* pairs) {
  __shared__ Ranked held[sortedBlock];
  int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  for (Index begin = static_cast<Index>(blockIdx.x) * sortedBlock; begin < padded;
       begin += static_cast<Index>(gridDim.x) * sortedBlock) {
    for (int i = thread; i < sortedBlock; i += threads) held[i] = pairs[begin + i];
    for (Index run = firstRun; run <= lastRun; run *= 2) {
      for (int distance = static_cast<int>(smaller<Index>(run, sortedBlock) / 2); distance > 0; distance /= 2) {
        __syncthreads();
        for (int pair = thread; pair < sortedBlock / 2; pair += threads) {
          int low = static_cast<int>(lowerOf(pair, distance));
          order(held[low], held[low + distance], ((begin + low) & run) == 0);
        }
      }
    }
    __syncthreads();
    for (int i = thread; i < sortedBlock; i += threads) pairs[begin + i] = held[i];
    __syncthreads();
  }
}

__global__ void takeValues(const Ranked* pairs, std::int32_t* y, Index n) {
  for (Index i = gridIndex(); i < n; i += gridStep()) y[i] = pairs[i].value;
}

}  // namespace kernels

namespace {

/// The least power of two, from one block on, that holds n.
Index paddedSize(Index n) {
  Index padded = kernels::sortedBlock;
  while (padded < n) padded *= 2;
  return padded;
}

}  // namespace

std::size_t permutationWorkspace(Index n) {
  return n == 0 ? 0 : static_cast<std::size_t>(paddedSize(n)) * sizeof(kernels::Ranked);
}

void launchPermutation(cudaStream_t stream, RandomStream random, Index n, std::int32_t* y, void* workspace) {
  if (n == 0) return;
  constexpr Index block = kernels::sortedBlock;
  Index padded = paddedSize(n);
  auto* pairs = static_cast<kernels::Ranked*>(workspace);
  Grid near = {gridFor(padded / block, 1).blocks, dim3(512)};
  launch<kernels::rank>(stream, gridFor(padded), random, n, padded, pairs);
  launch<kernels::mergeNear>(stream, near, padded, Index{2}, block, pairs);
  for (Index run = 2 * block; run <= padded; run *= 2) {
    for (Index distance = run / 2; distance >= block; distance /= 2) {
      launch<kernels::mergeFar>(stream, gridFor(padded / 2), padded, run, distance, pairs);
    }
    launch<kernels::mergeNear>(stream, near, padded, run, run, pairs);
  }
  launch<kernels::takeValues>(stream, gridFor(n), static_cast<const kernels::Ranked*>(pairs), y, n);
}

}  // namespace cnn::cuda

// Reductions over axes. Each reads x once; where it is cut into slices, a second small launch puts these together.
#include "reduce.hpp"

#include "backends/cuda/launch.cuh"
#include "blocks.cuh"

namespace cnn::cuda {
namespace kernels {

/// What a reduction of T holds while it runs: int32 adds up in 64 bits.
template <class T>
using Held = std::conditional_t<std::is_same_v<T, std::int32_t>, std::int64_t, Compute<T>>;

template <class A>
__device__ inline A startOf(ReduceFunction f) {
  switch (f) {
    case ReduceFunction::max: return std::is_integral_v<A> ? lowest<A> : static_cast<A>(-infinity<float>);
    case ReduceFunction::min: return std::is_integral_v<A> ? highest<A> : static_cast<A>(infinity<float>);
    case ReduceFunction::prod: return 1;
    case ReduceFunction::sum:
    case ReduceFunction::mean: break;
  }
  return 0;
}

template <class A>
struct Combine {
  ReduceFunction f;
  __device__ A operator()(A held, A next) const {
    switch (f) {
      case ReduceFunction::max: return next > held || isNaN(next) ? next : held;  // a NaN once held stays
      case ReduceFunction::min: return next < held || isNaN(next) ? next : held;
      case ReduceFunction::prod:
        if constexpr (!std::is_integral_v<A>) return held * next;
        return larger(smaller(held * next, static_cast<A>(beyondInt32)), static_cast<A>(-beyondInt32));
      case ReduceFunction::sum:
      case ReduceFunction::mean: break;
    }
    return held + next;
  }
};

template <class T>
__device__ inline T finished(ReduceFunction f, Held<T> held, Index count, FaultSink sink) {
  if (f == ReduceFunction::mean) held /= static_cast<Held<T>>(count);
  if constexpr (std::is_same_v<T, std::int32_t>) {
    if (held > highest<T> || held < lowest<T>)
      report(sink, f == ReduceFunction::prod ? FaultKind::prod : FaultKind::sum, 0, 0);
  }
  return put<T>(static_cast<Compute<T>>(held));
}

__device__ inline Index offsetAt(const Walk<1>& walk, Index i) {
  Index at[1];
  offsetsAt(walk, i, at);
  return at[0];
}

/// `lanes` threads a result, blocks of 256. Grid: (results, slices). With slices: parts [results, slices], else y
/// [results].
template <class T, int lanes>
__global__ void reduceRows(ReduceFunction f, Walk<1> kept, Walk<1> reduced, Index perSlice, const T* x, T* y,
                           Held<T>* parts, FaultSink sink) {
  using A = Held<T>;
  Combine<A> combine{f};
  Index rows = blockDim.x / lanes, lane = threadIdx.x % lanes;
  Index from = blockIdx.y * perSlice, to = smaller(from + perSlice, reduced.count);
  for (Index row = blockIdx.x * rows + threadIdx.x / lanes; row < kept.count; row += gridDim.x * rows) {
    const T* begin = x + offsetAt(kept, row);
    A held = startOf<A>(f);
    for (Index i = from + lane; i < to; i += lanes)
      held = combine(held, static_cast<A>(get(begin[offsetAt(reduced, i)])));
    held = rowReduce<lanes>(held, startOf<A>(f), combine);
    if (lane != 0) continue;
    if (parts) {
      parts[row * gridDim.y + blockIdx.y] = held;
    } else {
      y[row] = finished<T>(f, held, reduced.count, sink);
    }
  }
}

/// Blocks of 32 × 8: neighbouring threads read neighbouring results' elements. Grid: (results / 32, slices).
template <class T>
__global__ void reduceColumns(ReduceFunction f, Walk<1> kept, Walk<1> reduced, Index perSlice, const T* x, T* y,
                              Held<T>* parts, FaultSink sink) {
  using A = Held<T>;
  __shared__ A rows[8][32];
  Combine<A> combine{f};
  Index from = blockIdx.y * perSlice, to = smaller(from + perSlice, reduced.count);
  for (Index tile = blockIdx.x; tile * 32 < kept.count; tile += gridDim.x) {
    Index column = tile * 32 + threadIdx.x;
    A held = startOf<A>(f);
    if (column < kept.count) {
      const T* begin = x + offsetAt(kept, column);
      for (Index i = from + threadIdx.y; i < to; i += 8)
        held = combine(held, static_cast<A>(get(begin[offsetAt(reduced, i)])));
    }
    rows[threadIdx.y][threadIdx.x] = held;
    __syncthreads();
    if (threadIdx.y == 0 && column < kept.count) {
      for (int row = 1; row < 8; row++) held = combine(held, rows[row][threadIdx.x]);
      if (parts) {
        parts[column * gridDim.y + blockIdx.y] = held;
      } else {
        y[column] = finished<T>(f, held, reduced.count, sink);
      }
    }
    __syncthreads();  // before the next tile overwrites `rows`
  }
}

/// parts [results, slices] → y [results]: a warp a result.
template <class T>
__global__ void reduceParts(ReduceFunction f, const Held<T>* parts, int slices, Index results, Index count, T* y,
                            FaultSink sink) {
  using A = Held<T>;
  Combine<A> combine{f};
  Index warps = blockDim.x / 32, lane = threadIdx.x % 32;
  for (Index row = blockIdx.x * warps + threadIdx.x / 32; row < results; row += gridDim.x * warps) {
    A held = startOf<A>(f);
    for (Index i = lane; i < slices; i += 32) held = combine(held, parts[row * slices + i]);
    held = warpReduce(held, combine);
    if (lane == 0) y[row] = finished<T>(f, held, count, sink);
  }
}

/// Σ (x − shift) or, with `squares`, of its square, in float64: a block a result and slice. Grid: (results, slices).
template <class T>
__device__ inline double sumDeviations(bool squares, const T* begin, const Walk<1>& reduced, Index from, Index to,
                                       double shift) {
  double sum = 0;
  for (Index i = from + threadIdx.x; i < to; i += blockDim.x) {
    double each = static_cast<double>(get(begin[offsetAt(reduced, i)])) - shift;
    sum += squares ? each * each : each;
  }
  return blockSum(sum);
}

/// The parts of a result, in order; every thread gets their sum.
__device__ inline double sumParts(const double* parts, int slices) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < slices; i += static_cast<int>(blockDim.x)) sum += parts[i];
  return blockSum(sum);
}

/// sums [results, slices] of x.
template <class T>
__global__ void varianceSums(Walk<1> kept, Walk<1> reduced, Index perSlice, const T* x, double* sums) {
  Index from = blockIdx.y * perSlice, to = smaller(from + perSlice, reduced.count);
  for (Index row = blockIdx.x; row < kept.count; row += gridDim.x) {
    double sum = sumDeviations(false, x + offsetAt(kept, row), reduced, from, to, 0);
    if (threadIdx.x == 0) sums[row * gridDim.y + blockIdx.y] = sum;
  }
}

/// squares [results, slices] of the distances from the mean.
template <class T>
__global__ void varianceSquares(Walk<1> kept, Walk<1> reduced, Index perSlice, const T* x, const double* sums,
                                double* squares) {
  Index from = blockIdx.y * perSlice, to = smaller(from + perSlice, reduced.count);
  for (Index row = blockIdx.x; row < kept.count; row += gridDim.x) {
    double mean = sumParts(sums + row * gridDim.y, static_cast<int>(gridDim.y)) / static_cast<double>(reduced.count);
    double sum = sumDeviations(true, x + offsetAt(kept, row), reduced, from, to, mean);
    if (threadIdx.x == 0) squares[row * gridDim.y + blockIdx.y] = sum;
  }
}

/// y [results] and the means [results] of both: a block of 32 a result.
template <class T>
__global__ void varianceFinish(bool root, double freedom, Index count, int slices, Index results, const double* sums,
                               const double* squares, T* y, T* means) {
  for (Index row = blockIdx.x; row < results; row += gridDim.x) {
    double mean = sumParts(sums + row * slices, slices) / static_cast<double>(count);
    double variance = sumParts(squares + row * slices, slices) / freedom;
    if (threadIdx.x != 0) continue;
    y[row] = put<T>(static_cast<Compute<T>>(root ? sqrt(variance) : variance));
    means[row] = put<T>(static_cast<Compute<T>>(mean));
  }
}

}  // namespace kernels

ReducePlan makeReducePlan(const Walk<1>& kept, const Walk<1>& reduced) {
  constexpr Index enoughBlocks = 512, leastPerSlice = 2048, mostSlices = 256;
  ReducePlan plan{kept, reduced};
  bool liesSideBySide = kept.count >= 8 && kept.strides[0][kept.rank - 1] == 1;
  bool isShort = reduced.count <= 1024;
  plan.lanes = liesSideBySide ? 0 : isShort ? 32 : 256;
  Index blocks = plan.lanes == 0 ? (kept.count + 31) / 32 : plan.lanes == 32 ? (kept.count + 7) / 8 : kept.count;
  // A column takes an eighth of a block, so it needs more threads on fewer elements.
  Index least = plan.lanes == 0 ? leastPerSlice / 16 : leastPerSlice;
  Index slices = std::min({enoughBlocks / std::max<Index>(blocks, 1), reduced.count / least, mostSlices});
  plan.slices = static_cast<int>(std::max<Index>(slices, 1));
  plan.perSlice = (reduced.count + plan.slices - 1) / plan.slices;
  return plan;
}

ReducePlan makeReducePlan(const TensorDesc& x, const Dims& axes) {
  Dims strides = stridesOf(x), keptShape, keptStrides, reducedShape, reducedStrides;
  auto isReduced = [&](Index axis) { return axes.empty() || axes.contains(axis); };
  for (int axis = 0; axis < x.rank(); axis++) {
    if (isReduced(axis)) continue;
    keptShape.push(x.shape[axis]);
    keptStrides.push(strides[axis]);
  }
  for (Index each : memoryOrder(x)) {
    int axis = static_cast<int>(each);
    if (!isReduced(axis)) continue;
    reducedShape.push(x.shape[axis]);
    reducedStrides.push(strides[axis]);
  }
  return makeReducePlan(makeWalk<1>(keptShape, {keptStrides}), makeWalk<1>(reducedShape, {reducedStrides}));
}

std::size_t reduceWorkspace(DType dtype, const ReducePlan& plan) {
  if (plan.slices == 1) return 0;
  std::size_t each = dtype == DType::float64 || dtype == DType::int32 ? 8 : 4;
  return static_cast<std::size_t>(plan.kept.count) * static_cast<std::size_t>(plan.slices) * each;
}

void launchReduce(cudaStream_t stream, DType dtype, ReduceFunction f, const ReducePlan& plan, const void* x, void* y,
                  void* workspace, FaultSink sink) {
  Index results = plan.kept.count;
  if (results == 0) return;
  kernels::dispatchArithmetic(dtype, [&]<class T>(Type<T>) {
    const T* in = static_cast<const T*>(x);
    T* out = static_cast<T*>(y);
    auto* parts = plan.slices > 1 ? static_cast<kernels::Held<T>*>(workspace) : nullptr;
    auto grid = [&](Index perBlock, dim3 threads) {
      Index blocks = std::min<Index>((results + perBlock - 1) / perBlock, 65535);
      return Grid{dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(plan.slices)), threads};
    };
    switch (plan.lanes) {
      case 0:
        launch<kernels::reduceColumns<T>>(stream, grid(32, dim3(32, 8)), f, plan.kept, plan.reduced, plan.perSlice, in,
                                          out, parts, sink);
        break;
      case 32:
        launch<kernels::reduceRows<T, 32>>(stream, grid(8, dim3(256)), f, plan.kept, plan.reduced, plan.perSlice, in,
                                           out, parts, sink);
        break;
      default:
        launch<kernels::reduceRows<T, 256>>(stream, grid(1, dim3(256)), f, plan.kept, plan.reduced, plan.perSlice, in,
                                            out, parts, sink);
    }
    if (parts)
      launch<kernels::reduceParts<T>>(stream, gridFor(results * 32), f, parts, plan.slices, results, plan.reduced.count,
                                      out, sink);
  });
}

std::size_t varianceWorkspace(const ReducePlan& plan) {
  return 2 * static_cast<std::size_t>(plan.kept.count) * static_cast<std::size_t>(plan.slices) * sizeof(double);
}

void launchVariance(cudaStream_t stream, DType dtype, bool root, double freedom, const ReducePlan& plan, const void* x,
                    void* y, void* means, void* workspace) {
  Index results = plan.kept.count;
  if (results == 0) return;
  auto* sums = static_cast<double*>(workspace);
  double* squares = sums + results * plan.slices;
  auto blocks = static_cast<unsigned>(std::min<Index>(results, 65535));
  Grid grid{dim3(blocks, static_cast<unsigned>(plan.slices)), dim3(plan.reduced.count <= 1024 ? 32 : 256)};
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* in = static_cast<const T*>(x);
    launch<kernels::varianceSums<T>>(stream, grid, plan.kept, plan.reduced, plan.perSlice, in, sums);
    launch<kernels::varianceSquares<T>>(stream, grid, plan.kept, plan.reduced, plan.perSlice, in, sums, squares);
    launch<kernels::varianceFinish<T>>(stream, Grid{dim3(blocks), dim3(32)}, root, freedom, plan.reduced.count,
                                       plan.slices, results, sums, squares, static_cast<T*>(y), static_cast<T*>(means));
  });
}

}  // namespace cnn::cuda

// Where along an axis the greatest or least element is. Each reads x once.
#include "backends/cuda/launch.cuh"
#include "blocks.cuh"
#include "reduce.hpp"

namespace cnn::cuda {
namespace kernels {

/// Whether `next` at j takes the place of `held` at i: further out, or as far and earlier. A NaN is furthest.
template <class T>
__device__ inline bool winsOver(bool max, T next, Index j, T held, Index i) {
  if (isNaN(next) || isNaN(held)) return isNaN(next) && (!isNaN(held) || j < i);
  if (next == held) return j < i;
  return max ? next > held : next < held;
}

/// Rows [outer, size]: a block of `lanes` threads each. Every thread keeps its best, then they are compared by halves.
template <class T, int lanes>
__global__ void argReduceRows(bool max, Index outer, Index size, const T* x, std::int32_t* y) {
  __shared__ T values[lanes];
  __shared__ std::int32_t places[lanes];  // −1: none
  int lane = static_cast<int>(threadIdx.x);
  for (Index row = blockIdx.x; row < outer; row += gridDim.x) {
    const T* begin = x + row * size;
    Index best = lane < size ? lane : -1;
    for (Index i = lane + lanes; i < size; i += lanes) {
      if (winsOver(max, begin[i], i, begin[best], best)) best = i;
    }
    if (best >= 0) values[lane] = begin[best];
    places[lane] = static_cast<std::int32_t>(best);
    __syncthreads();
    for (int half = lanes / 2; half > 0; half /= 2) {
      if (lane < half && places[lane + half] >= 0 &&
          (places[lane] < 0 || winsOver(max, values[lane + half], places[lane + half], values[lane], places[lane]))) {
        values[lane] = values[lane + half];
        places[lane] = places[lane + half];
      }
      __syncthreads();
    }
    if (lane == 0) y[row] = places[0];
    __syncthreads();
  }
}

/// x [outer, size, inner], inner > 1: a thread each, so that neighbours read neighbours.
template <class T>
__global__ void argReduceColumns(bool max, Index outer, Index size, Index inner, const T* x, std::int32_t* y) {
  for (Index i = gridIndex(); i < outer * inner; i += gridStep()) {
    const T* begin = x + i / inner * size * inner + i % inner;
    Index best = 0;
    for (Index j = 1; j < size; j++) {
      if (winsOver(max, begin[j * inner], j, begin[best * inner], best)) best = j;
    }
    y[i] = static_cast<std::int32_t>(best);
  }
}

}  // namespace kernels

namespace {

template <class T>
void launchTyped(cudaStream_t stream, bool max, Index outer, Index size, Index inner, const void* from,
                 std::int32_t* y) {
  const T* x = static_cast<const T*>(from);
  Index results = outer * inner;
  if (inner > 1) {
    launch<kernels::argReduceColumns<T>>(stream, gridFor(results), max, outer, size, inner, x, y);
  } else if (size <= 1024) {
    launch<kernels::argReduceRows<T, 32>>(stream, gridFor(results * 32, 32), max, outer, size, x, y);
  } else {
    launch<kernels::argReduceRows<T, 512>>(stream, gridFor(results * 512, 512), max, outer, size, x, y);
  }
}

}  // namespace

void launchArgReduce(cudaStream_t stream, DType dtype, bool max, Index outer, Index size, Index inner, const void* x,
                     std::int32_t* y) {
  if (outer * inner == 0) return;
  switch (dtype) {
    case DType::float64: return launchTyped<double>(stream, max, outer, size, inner, x, y);
    case DType::int32: return launchTyped<std::int32_t>(stream, max, outer, size, inner, x, y);
    case DType::uint8: return launchTyped<std::uint8_t>(stream, max, outer, size, inner, x, y);
    case DType::float32: return launchTyped<float>(stream, max, outer, size, inner, x, y);
    case DType::float16:
    case DType::bfloat16:  // see Halves
    case DType::boolean: break;
  }
}

}  // namespace cnn::cuda

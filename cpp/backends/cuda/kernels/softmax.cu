// Softmax along an axis: a line of it is made by a warp or a block where its elements are neighbours, by one thread
// where they are not (then neighbouring threads have neighbouring lines). x is read three times, from the cache after
// the first.
#include "backends/cuda/launch.cuh"
#include "blocks.cuh"
#include "loss.hpp"

namespace cnn::cuda {
namespace kernels {

/// The least number is −∞ here, not NaN: a NaN in a line shows in its sum.
struct Greatest {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return larger(a, b);
  }
};

/// x, y [outer, size, inner]; `lanes` threads a line, blocks of 256.
template <class T, int lanes>
__global__ void softmax(bool log, Index lines, Index size, Index inner, const T* x, T* y) {
  using C = Compute<T>;
  Index perBlock = blockDim.x / lanes, lane = threadIdx.x % lanes;
  for (Index line = blockIdx.x * perBlock + threadIdx.x / lanes; line < lines; line += gridDim.x * perBlock) {
    Index begin = line / inner * size * inner + line % inner;
    C greatest = -infinity<C>;
    for (Index i = lane; i < size; i += lanes) greatest = larger(greatest, get(x[begin + i * inner]));
    greatest = rowReduce<lanes>(greatest, -infinity<C>, Greatest{});
    C sum = 0;  // of e^(x − greatest): nothing overflows
    for (Index i = lane; i < size; i += lanes) sum += exp(get(x[begin + i * inner]) - greatest);
    sum = rowSum<lanes>(sum);
    C logSum = ::log(sum);
    for (Index i = lane; i < size; i += lanes) {
      C shifted = get(x[begin + i * inner]) - greatest;
      y[begin + i * inner] = put<T>(log ? shifted - logSum : exp(shifted) / sum);
    }
  }
}

/// softmax: dx = y·(dy − Σ dy·y); log-softmax: dx = dy − e^y · Σ dy.
template <class T, int lanes>
__global__ void softmaxBackward(bool log, Index lines, Index size, Index inner, const T* dy, const T* y, T* dx) {
  using C = Compute<T>;
  Index perBlock = blockDim.x / lanes, lane = threadIdx.x % lanes;
  for (Index line = blockIdx.x * perBlock + threadIdx.x / lanes; line < lines; line += gridDim.x * perBlock) {
    Index begin = line / inner * size * inner + line % inner;
    C sum = 0;
    for (Index i = lane; i < size; i += lanes)
      sum += get(dy[begin + i * inner]) * (log ? C(1) : get(y[begin + i * inner]));
    sum = rowSum<lanes>(sum);
    for (Index i = lane; i < size; i += lanes) {
      C g = get(dy[begin + i * inner]), v = get(y[begin + i * inner]);
      dx[begin + i * inner] = put<T>(log ? g - exp(v) * sum : v * (g - sum));
    }
  }
}

}  // namespace kernels

namespace {

/// Calls `f` with the number of threads a line.
template <class F>
void dispatchLanes(Index size, Index inner, F&& f) {
  if (inner > 1) return f(std::integral_constant<int, 1>{});
  if (size <= 1024) return f(std::integral_constant<int, 32>{});
  f(std::integral_constant<int, 256>{});
}

}  // namespace

void launchSoftmax(cudaStream_t stream, DType dtype, bool log, Index outer, Index size, Index inner, const void* x,
                   void* y) {
  Index lines = outer * inner;
  if (lines * size == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    dispatchLanes(size, inner, [&]<int lanes>(std::integral_constant<int, lanes>) {
      launch<kernels::softmax<T, lanes>>(stream, gridFor(lines * lanes), log, lines, size, inner,
                                         static_cast<const T*>(x), static_cast<T*>(y));
    });
  });
}

void launchSoftmaxBackward(cudaStream_t stream, DType dtype, bool log, Index outer, Index size, Index inner,
                           const void* dy, const void* y, void* dx) {
  Index lines = outer * inner;
  if (lines * size == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    dispatchLanes(size, inner, [&]<int lanes>(std::integral_constant<int, lanes>) {
      launch<kernels::softmaxBackward<T, lanes>>(stream, gridFor(lines * lanes), log, lines, size, inner,
                                                 static_cast<const T*>(dy), static_cast<const T*>(y),
                                                 static_cast<T*>(dx));
    });
  });
}

}  // namespace cnn::cuda

// Losses of pairs of elements and their gradients, a thread an element.
#include "backends/cuda/launch.cuh"
#include "device.cuh"
#include "loss.hpp"

namespace cnn::cuda {
namespace kernels {

/// The logarithm, at least −100; NaN stays NaN.
template <class C>
__device__ inline C boundedLog(C logarithm) {
  constexpr C least = static_cast<C>(leastLogarithm);
  return logarithm < least ? least : logarithm;
}

template <class T>
__global__ void pairLoss(PairLossFunction f, Compute<T> beta, const T* x, const T* target, T* y, Index count) {
  using C = Compute<T>;
  constexpr C half = static_cast<C>(0.5);
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    C v = get(x[i]), t = get(target[i]), distance = fabs(v - t);
    if (f == PairLossFunction::binaryCrossEntropy) {
      y[i] = put<T>((t - 1) * boundedLog(log1p(-v)) - t * boundedLog(log(v)));
    } else {
      y[i] = put<T>(distance < beta ? distance * distance * half / beta : distance - half * beta);
    }
  }
}

template <class T>
__global__ void pairLossBackward(PairLossFunction f, Compute<T> beta, const T* dy, const T* x, const T* target, T* dx,
                                 Index count) {
  using C = Compute<T>;
  constexpr C least = static_cast<C>(leastDivisor);
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    C g = get(dy[i]), v = get(x[i]), difference = v - get(target[i]);
    if (f == PairLossFunction::binaryCrossEntropy) {
      C divisor = (1 - v) * v;
      dx[i] = put<T>(g * difference / (divisor < least ? least : divisor));
    } else {
      dx[i] = put<T>(difference <= -beta ? -g : difference >= beta ? g : g * difference / beta);
    }
  }
}

}  // namespace kernels

void launchPairLoss(cudaStream_t stream, DType dtype, PairLossFunction f, double beta, const void* x,
                    const void* target, void* y, Index count) {
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::pairLoss<T>>(stream, gridFor(count), f, static_cast<kernels::Compute<T>>(beta),
                                 static_cast<const T*>(x), static_cast<const T*>(target), static_cast<T*>(y), count);
  });
}

void launchPairLossBackward(cudaStream_t stream, DType dtype, PairLossFunction f, double beta, const void* dy,
                            const void* x, const void* target, void* dx, Index count) {
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::pairLossBackward<T>>(stream, gridFor(count), f, static_cast<kernels::Compute<T>>(beta),
                                         static_cast<const T*>(dy), static_cast<const T*>(x),
                                         static_cast<const T*>(target), static_cast<T*>(dx), count);
  });
}

}  // namespace cnn::cuda

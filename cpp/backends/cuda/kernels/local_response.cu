// Local response normalisation across channels: a thread an element, which looks at its neighbours' channels.
#include "backends/cuda/launch.cuh"
#include "channels.cuh"
#include "norm.hpp"

namespace cnn::cuda {
namespace kernels {

/// The rule in the type that computes; alpha is divided by the size.
template <class C>
struct Response {
  Index size;
  C alpha, beta, k;
};

/// k + alpha/size · Σ x² over channels [c − ⌊size/2⌋, c + ⌈size/2⌉) at the place of element i.
template <class T>
__device__ inline Compute<T> responseBase(const Response<Compute<T>>& rule, const ChannelView& view, Index i,
                                          const T* x) {
  Index c = i / view.inner % view.channels;
  Index begin = larger<Index>(c - rule.size / 2, 0), end = smaller(c + (rule.size + 1) / 2, view.channels);
  Compute<T> squares = 0;
  for (Index j = begin; j < end; j++) {
    Compute<T> value = get(x[i + (j - c) * view.inner]);
    squares += value * value;
  }
  return rule.k + rule.alpha * squares;
}

template <class T>
__global__ void localResponse(Response<Compute<T>> rule, ChannelView view, const T* x, T* y) {
  for (Index i = gridIndex(); i < view.elements(); i += gridStep()) {
    y[i] = put<T>(get(x[i]) * pow(responseBase(rule, view, i, x), -rule.beta));
  }
}

/// through = dy·x·base^(−beta−1), which the next launch adds up.
template <class T>
__global__ void responseThrough(Response<Compute<T>> rule, ChannelView view, const T* dy, const T* x,
                                Compute<T>* through) {
  for (Index i = gridIndex(); i < view.elements(); i += gridStep()) {
    Compute<T> base = responseBase(rule, view, i, x);
    through[i] = get(dy[i]) * get(x[i]) * pow(base, -rule.beta) / base;
  }
}

/// dx = dy·base^−beta − 2·alpha·beta/size · x · Σ through over the channels for which this one counts: the same,
/// mirrored.
template <class T>
__global__ void localResponseBackward(Response<Compute<T>> rule, ChannelView view, const T* dy, const T* x,
                                      const Compute<T>* through, T* dx) {
  using C = Compute<T>;
  for (Index i = gridIndex(); i < view.elements(); i += gridStep()) {
    Index c = i / view.inner % view.channels;
    Index begin = larger<Index>(c - (rule.size + 1) / 2 + 1, 0), end = smaller(c + rule.size / 2 + 1, view.channels);
    C sum = 0;
    for (Index j = begin; j < end; j++) sum += through[i + (j - c) * view.inner];
    C power = pow(responseBase(rule, view, i, x), -rule.beta);
    dx[i] = put<T>(get(dy[i]) * power - 2 * rule.alpha * rule.beta * get(x[i]) * sum);
  }
}

}  // namespace kernels

namespace {

template <class C>
kernels::Response<C> responseOf(const ResponseRule& rule) {
  return {rule.size, static_cast<C>(rule.alpha / static_cast<double>(rule.size)), static_cast<C>(rule.beta),
          static_cast<C>(rule.k)};
}

}  // namespace

void launchLocalResponse(cudaStream_t stream, DType dtype, const ChannelView& view, const ResponseRule& rule,
                         const void* x, void* y) {
  if (view.elements() == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::localResponse<T>>(stream, gridFor(view.elements()), responseOf<kernels::Compute<T>>(rule), view,
                                      static_cast<const T*>(x), static_cast<T*>(y));
  });
}

std::size_t localResponseBackwardWorkspace(DType dtype, const ChannelView& view) {
  return static_cast<std::size_t>(view.elements()) * (dtype == DType::float64 ? 8 : 4);
}

void launchLocalResponseBackward(cudaStream_t stream, DType dtype, const ChannelView& view, const ResponseRule& rule,
                                 const void* dy, const void* x, void* dx, void* workspace) {
  if (view.elements() == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    using C = kernels::Compute<T>;
    const T *g = static_cast<const T*>(dy), *in = static_cast<const T*>(x);
    C* through = static_cast<C*>(workspace);
    launch<kernels::responseThrough<T>>(stream, gridFor(view.elements()), responseOf<C>(rule), view, g, in, through);
    launch<kernels::localResponseBackward<T>>(stream, gridFor(view.elements()), responseOf<C>(rule), view, g, in,
                                              static_cast<const C*>(through), static_cast<T*>(dx));
  });
}

}  // namespace cnn::cuda

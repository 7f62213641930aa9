// One number a channel, added to every element of it; its gradient is a reduction.
#include "bias.hpp"

#include "backends/cuda/launch.cuh"
#include "device.cuh"
#include "reduce.hpp"

namespace cnn::cuda {
namespace kernels {

/// Four elements of one channel (inner a multiple of four), or of four channels (inner 1, channels a multiple of four).
template <class T>
__global__ void biasPacked(ChannelView view, const T* x, const T* bias, T* y) {
  for (Index i = gridIndex(); i < view.elements() / 4; i += gridStep()) {
    Pack<T> pack = loadPack(x, i);
    Index c = i * 4 / view.inner % view.channels;
    for (int k = 0; k < 4; k++) pack.at[k] = put<T>(get(pack.at[k]) + get(bias[view.inner > 1 ? c : c + k]));
    storePack(y, i, pack);
  }
}

template <class T>
__global__ void bias(ChannelView view, const T* x, const T* bias, T* y) {
  for (Index i = gridIndex(); i < view.elements(); i += gridStep())
    y[i] = put<T>(get(x[i]) + get(bias[i / view.inner % view.channels]));
}

}  // namespace kernels

namespace {

ReducePlan planOf(const ChannelView& view) {
  Walk<1> kept = makeWalk<1>({view.channels}, {Dims{view.inner}});
  return makeReducePlan(kept, makeWalk<1>({view.outer, view.inner}, {Dims{view.channels * view.inner, 1}}));
}

}  // namespace

void launchBias(cudaStream_t stream, DType dtype, const ChannelView& view, const void* x, const void* bias, void* y) {
  if (view.elements() == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T *from = static_cast<const T*>(x), *numbers = static_cast<const T*>(bias);
    T* to = static_cast<T*>(y);
    bool isPacked =
        (view.inner > 1 ? view.inner : view.channels) % 4 == 0 && kernels::packsOf(view.elements(), from, to) > 0;
    if (isPacked) {
      launch<kernels::biasPacked<T>>(stream, gridFor(view.elements() / 4), view, from, numbers, to);
    } else {
      launch<kernels::bias<T>>(stream, gridFor(view.elements()), view, from, numbers, to);
    }
  });
}

std::size_t biasGradientWorkspace(DType dtype, const ChannelView& view) { return reduceWorkspace(dtype, planOf(view)); }

void launchBiasGradient(cudaStream_t stream, DType dtype, const ChannelView& view, const void* dy, void* db,
                        void* workspace) {
  launchReduce(stream, dtype, ReduceFunction::sum, planOf(view), dy, db, workspace);
}

}  // namespace cnn::cuda

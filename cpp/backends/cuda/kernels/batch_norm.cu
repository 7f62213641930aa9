// Batch norm forward: statistics of each channel in slices, put together by a small launch, then one pass that
// normalises.
#include "backends/cuda/launch.cuh"
#include "channels.cuh"
#include "moments.cuh"
#include "norm.hpp"

namespace cnn::cuda {
namespace kernels {

/// parts [slices, channels]. A block a channel.
template <class T>
__global__ void channelMoments(ChannelView view, const T* x, Moments<Compute<T>>* parts) {
  Slice slice = sliceOf(view);
  for (Index c = blockIdx.x; c < view.channels; c += gridDim.x) {
    Moments<Compute<T>> held{0, 0, 0};
    for (Index i = slice.from + threadIdx.x; i < slice.to; i += 256) held.add(get(x[offsetIn(view, c, i)]));
    held = rowMoments<256>(held);
    if (threadIdx.x == 0) parts[blockIdx.y * view.channels + c] = held;
  }
}

/// The same where channels are neighbours (inner = 1): blocks of 32 × 8.
template <class T>
__global__ void channelMomentsSideBySide(ChannelView view, const T* x, Moments<Compute<T>>* parts) {
  using C = Compute<T>;
  __shared__ Moments<C> rows[8][32];
  Slice slice = sliceOf(view);
  for (Index tile = blockIdx.x; tile * 32 < view.channels; tile += gridDim.x) {
    Index c = tile * 32 + threadIdx.x;
    Moments<C> held{0, 0, 0};
    if (c < view.channels) {
      for (Index i = slice.from + threadIdx.y; i < slice.to; i += 8) held.add(get(x[i * view.channels + c]));
    }
    rows[threadIdx.y][threadIdx.x] = held;
    __syncthreads();
    if (threadIdx.y == 0 && c < view.channels) {
      for (int row = 1; row < 8; row++) held.merge(rows[row][threadIdx.x]);
      parts[blockIdx.y * view.channels + c] = held;
    }
    __syncthreads();  // before the next tile overwrites `rows`
  }
}

/// mean and invStd [C] from the parts, and the running statistics: a thread a channel.
template <class C>
__global__ void batchStatistics(Index channels, Index perChannel, int slices, const Moments<C>* parts, C momentum,
                                C eps, C* runningMean, C* runningVar, C* mean, C* invStd) {
  for (Index c = gridIndex(); c < channels; c += gridStep()) {
    Moments<C> all{0, 0, 0};
    for (int slice = 0; slice < slices; slice++) all.merge(parts[slice * channels + c]);
    C count = static_cast<C>(perChannel), variance = all.squares / count;
    mean[c] = perChannel > 0 ? all.mean : variance;  // of nothing: NaN
    invStd[c] = 1 / sqrt(variance + eps);
    if (runningMean && perChannel > 0) {
      runningMean[c] = (1 - momentum) * runningMean[c] + momentum * all.mean;
      runningVar[c] = (1 - momentum) * runningVar[c] + momentum * (all.squares / (count - 1));
    }
  }
}

/// mean and invStd [C] of the running statistics.
template <class C>
__global__ void fixedStatistics(Index channels, const C* runningMean, const C* runningVar, C eps, C* mean, C* invStd) {
  for (Index c = gridIndex(); c < channels; c += gridStep()) {
    mean[c] = runningMean[c];
    invStd[c] = 1 / sqrt(runningVar[c] + eps);
  }
}

/// y = (x − mean)·invStd·weight + bias. Four channels a thread, side by side (inner = 1). weight and bias come both or
/// not at all.
template <class T>
__global__ void normaliseFour(int channels, Index packs, const T* x, const Compute<T>* weight, const Compute<T>* bias,
                              const Compute<T>* mean, const Compute<T>* invStd, T* y) {
  using C = Compute<T>;
  int groups = channels / 4;
  for (Index i = gridIndex(); i < packs; i += gridStep()) {
    int c = 4 * (packs <= 0x7fffffff ? static_cast<int>(i) % groups : static_cast<int>(i % groups));
    Pack<T> in = loadPack(x, i), out;
    Pack<C> center = loadFrom<4>(mean + c), scale = loadFrom<4>(invStd + c), w, b;
    if (weight) {
      w = loadFrom<4>(weight + c);
      b = loadFrom<4>(bias + c);
    }
    for (int k = 0; k < 4; k++) {
      C normalised = (get(in.at[k]) - center.at[k]) * scale.at[k];
      out.at[k] = put<T>(weight ? normalised * w.at[k] + b.at[k] : normalised);
    }
    storePack(y, i, out);
  }
}

/// The same, an element a thread.
template <class T>
__global__ void normalise(ChannelView view, const T* x, const Compute<T>* weight, const Compute<T>* bias,
                          const Compute<T>* mean, const Compute<T>* invStd, T* y) {
  using C = Compute<T>;
  for (Index i = gridIndex(); i < view.elements(); i += gridStep()) {
    Index c = i / view.inner % view.channels;
    C w = weight ? weight[c] : C(1), b = bias ? bias[c] : C(0);
    y[i] = put<T>((get(x[i]) - mean[c]) * invStd[c] * w + b);
  }
}

}  // namespace kernels

namespace {

template <class T>
void launchNormalise(cudaStream_t stream, const ChannelView& view, const void* x, const void* weight, const void* bias,
                     const void* mean, const void* invStd, void* y) {
  using C = kernels::Compute<T>;
  if (view.elements() == 0) return;
  const T* from = static_cast<const T*>(x);
  const C *w = static_cast<const C*>(weight), *b = static_cast<const C*>(bias), *center = static_cast<const C*>(mean),
          *scale = static_cast<const C*>(invStd);
  T* to = static_cast<T*>(y);
  if (view.inner == 1 && view.channels % 4 == 0 && kernels::packsOf(4, from, to, w, b, center, scale) == 1) {
    Index packs = view.elements() / 4;
    launch<kernels::normaliseFour<T>>(stream, gridFor(packs), static_cast<int>(view.channels), packs, from, w, b,
                                      center, scale, to);
  } else {
    launch<kernels::normalise<T>>(stream, gridFor(view.elements()), view, from, w, b, center, scale, to);
  }
}

}  // namespace

std::size_t batchNormWorkspace(DType dtype, const ChannelView& view) {
  std::size_t number = dtype == DType::float64 ? 8 : 4;
  std::size_t moments = 3 * number * static_cast<std::size_t>(slicesOf(view)) * static_cast<std::size_t>(view.channels);
  return std::max(moments, channelSumsWorkspace(dtype, view));
}

void launchBatchNormTraining(cudaStream_t stream, DType dtype, const ChannelView& view, const void* x,
                             const void* weight, const void* bias, void* runningMean, void* runningVar, double momentum,
                             double eps, void* y, void* mean, void* invStd, void* workspace) {
  if (view.channels == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    using C = kernels::Compute<T>;
    auto* parts = static_cast<kernels::Moments<C>*>(workspace);
    if (view.inner > 1) {
      launch<kernels::channelMoments<T>>(stream, gridOfChannels(view), view, static_cast<const T*>(x), parts);
    } else {
      launch<kernels::channelMomentsSideBySide<T>>(stream, gridOfChannels(view), view, static_cast<const T*>(x), parts);
    }
    launch<kernels::batchStatistics<C>>(stream, gridFor(view.channels), view.channels, view.perChannel(),
                                        slicesOf(view), parts, static_cast<C>(momentum), static_cast<C>(eps),
                                        static_cast<C*>(runningMean), static_cast<C*>(runningVar),
                                        static_cast<C*>(mean), static_cast<C*>(invStd));
    launchNormalise<T>(stream, view, x, weight, bias, mean, invStd, y);
  });
}

void launchBatchNormInference(cudaStream_t stream, DType dtype, const ChannelView& view, const void* x,
                              const void* weight, const void* bias, const void* runningMean, const void* runningVar,
                              double eps, void* y, void* mean, void* invStd) {
  if (view.channels == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    using C = kernels::Compute<T>;
    launch<kernels::fixedStatistics<C>>(stream, gridFor(view.channels), view.channels,
                                        static_cast<const C*>(runningMean), static_cast<const C*>(runningVar),
                                        static_cast<C>(eps), static_cast<C*>(mean), static_cast<C*>(invStd));
    launchNormalise<T>(stream, view, x, weight, bias, mean, invStd, y);
  });
}

}  // namespace cnn::cuda

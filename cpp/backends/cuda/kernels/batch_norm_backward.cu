// Batch norm backward: the two sums of each channel in slices, then one pass that makes dx. Group and layer norm take
// the sums too.
#include "channels.cuh"
#include "norm.hpp"

namespace cnn::cuda {
namespace kernels {

/// Σ dy and Σ dy·x̂.
template <class C>
struct GradientSums {
  C dy, dyX;
};

/// The statistics that a thread normalises a channel's elements with: read once where one row is that of all samples,
/// as in batch norm.
template <class C>
struct Statistics {
  const C *mean, *invStd;
  Index column;
  bool isOneRow;
  C center, scale;

  __device__ Statistics(const ChannelView& view, const StatisticsView& rows, Index channel, const C* mean,
                        const C* invStd)
      : mean(mean),
        invStd(invStd),
        column(channel / rows.groupChannels),
        isOneRow(view.outer > 0 && rows.outerPerSample >= view.outer),
        center(isOneRow ? mean[column] : C(0)),
        scale(isOneRow ? invStd[column] : C(0)) {}
  __device__ C normalise(const ChannelView& view, const StatisticsView& rows, Index i, C x) const {
    if (isOneRow) return (x - center) * scale;
    Index at = i / view.inner / rows.outerPerSample * rows.groups + column;
    return (x - mean[at]) * invStd[at];
  }
};

template <class T>
__device__ inline void addElement(GradientSums<Compute<T>>& sums, const ChannelView& view, const StatisticsView& rows,
                                  Index channel, Index i, const T* dy, const T* x,
                                  const Statistics<Compute<T>>& statistics) {
  Index offset = offsetIn(view, channel, i);
  Compute<T> g = get(dy[offset]);
  sums.dy += g;
  sums.dyX += g * statistics.normalise(view, rows, i, get(x[offset]));
}

/// parts [slices, channels]. A block a channel.
template <class T>
__global__ void channelSums(ChannelView view, StatisticsView rows, const T* dy, const T* x, const Compute<T>* mean,
                            const Compute<T>* invStd, GradientSums<Compute<T>>* parts) {
  Slice slice = sliceOf(view);
  for (Index c = blockIdx.x; c < view.channels; c += gridDim.x) {
    GradientSums<Compute<T>> held{0, 0};
    Statistics<Compute<T>> statistics(view, rows, c, mean, invStd);
    for (Index i = slice.from + threadIdx.x; i < slice.to; i += blockDim.x)
      addElement(held, view, rows, c, i, dy, x, statistics);
    held = {blockSum(held.dy), blockSum(held.dyX)};
    if (threadIdx.x == 0) parts[blockIdx.y * view.channels + c] = held;
  }
}

/// The same where channels are neighbours (inner = 1): blocks of 32 × 8.
template <class T>
__global__ void channelSumsSideBySide(ChannelView view, StatisticsView rows, const T* dy, const T* x,
                                      const Compute<T>* mean, const Compute<T>* invStd,
                                      GradientSums<Compute<T>>* parts) {
  using C = Compute<T>;
  __shared__ GradientSums<C> lines[8][32];
  Slice slice = sliceOf(view);
  for (Index tile = blockIdx.x; tile * 32 < view.channels; tile += gridDim.x) {
    Index c = tile * 32 + threadIdx.x;
    GradientSums<C> held{0, 0};
    if (c < view.channels) {
      Statistics<C> statistics(view, rows, c, mean, invStd);
      for (Index i = slice.from + threadIdx.y; i < slice.to; i += 8)
        addElement(held, view, rows, c, i, dy, x, statistics);
    }
    lines[threadIdx.y][threadIdx.x] = held;
    __syncthreads();
    if (threadIdx.y == 0 && c < view.channels) {
      for (int line = 1; line < 8; line++) {
        held.dy += lines[line][threadIdx.x].dy;
        held.dyX += lines[line][threadIdx.x].dyX;
      }
      parts[blockIdx.y * view.channels + c] = held;
    }
    __syncthreads();  // before the next tile overwrites `lines`
  }
}

/// A thread a channel.
template <class C>
__global__ void sumSlices(Index channels, int slices, const GradientSums<C>* parts, C* dw, C* db) {
  for (Index c = gridIndex(); c < channels; c += gridStep()) {
    GradientSums<C> all{0, 0};
    for (int slice = 0; slice < slices; slice++) {
      all.dy += parts[slice * channels + c].dy;
      all.dyX += parts[slice * channels + c].dyX;
    }
    dw[c] = all.dyX;
    db[c] = all.dy;
  }
}

/// dx = invStd·weight·(dy − mean(dy) − x̂·mean(dy·x̂)); in evaluation the statistics are constants, and the means zero.
template <class T>
__global__ void batchNormBackward(ChannelView view, bool training, const T* dy, const T* x, const Compute<T>* weight,
                                  const Compute<T>* mean, const Compute<T>* invStd, const Compute<T>* dw,
                                  const Compute<T>* db, T* dx) {
  using C = Compute<T>;
  C share = training ? 1 / static_cast<C>(view.perChannel()) : C(0);
  for (Index i = gridIndex(); i < view.elements(); i += gridStep()) {
    Index c = i / view.inner % view.channels;
    C w = weight ? weight[c] : C(1), normalised = (get(x[i]) - mean[c]) * invStd[c];
    C through = training ? db[c] * share + normalised * (dw[c] * share) : C(0);
    dx[i] = put<T>(invStd[c] * w * (get(dy[i]) - through));
  }
}

}  // namespace kernels

std::size_t channelSumsWorkspace(DType dtype, const ChannelView& view) {
  std::size_t number = dtype == DType::float64 ? 8 : 4;
  return 2 * number * static_cast<std::size_t>(slicesOf(view)) * static_cast<std::size_t>(view.channels);
}

void launchChannelSums(cudaStream_t stream, DType dtype, const ChannelView& view, const StatisticsView& rows,
                       const void* dy, const void* x, const void* mean, const void* invStd, void* dw, void* db,
                       void* workspace) {
  if (view.channels == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    using C = kernels::Compute<T>;
    auto* parts = static_cast<kernels::GradientSums<C>*>(workspace);
    const T *g = static_cast<const T*>(dy), *in = static_cast<const T*>(x);
    const C *center = static_cast<const C*>(mean), *scale = static_cast<const C*>(invStd);
    if (view.inner > 1) {
      launch<kernels::channelSums<T>>(stream, gridOfChannels(view), view, rows, g, in, center, scale, parts);
    } else {
      launch<kernels::channelSumsSideBySide<T>>(stream, gridOfChannels(view), view, rows, g, in, center, scale, parts);
    }
    launch<kernels::sumSlices<C>>(stream, gridFor(view.channels), view.channels, slicesOf(view), parts,
                                  static_cast<C*>(dw), static_cast<C*>(db));
  });
}

void launchBatchNormBackward(cudaStream_t stream, DType dtype, const ChannelView& view, bool training, const void* dy,
                             const void* x, const void* weight, const void* mean, const void* invStd, void* dx,
                             void* dw, void* db, void* workspace) {
  StatisticsView rows = {std::max<Index>(view.outer, 1), 0, 1};  // one number a channel, whatever the sample
  launchChannelSums(stream, dtype, view, rows, dy, x, mean, invStd, dw, db, workspace);
  if (view.elements() == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    using C = kernels::Compute<T>;
    launch<kernels::batchNormBackward<T>>(stream, gridFor(view.elements()), view, training, static_cast<const T*>(dy),
                                          static_cast<const T*>(x), static_cast<const C*>(weight),
                                          static_cast<const C*>(mean), static_cast<const C*>(invStd),
                                          static_cast<const C*>(dw), static_cast<const C*>(db), static_cast<T*>(dx));
  });
}

}  // namespace cnn::cuda

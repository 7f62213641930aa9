// Group and layer norm: a warp or a block a row, which it reads once for the statistics and once to normalise.
#include "backends/cuda/launch.cuh"
#include "moments.cuh"
#include "norm.hpp"

namespace cnn::cuda {
namespace kernels {

/// Where element j of row r lies, and its channel.
struct RowElement {
  Index offset, channel;
};
__device__ inline RowElement elementOf(const NormRows& rows, Index r, Index j) {
  Index first = r % rows.groups * rows.groupChannels();
  if (!rows.channelsAreLast) return {r * rows.length() + j, first + j / rows.spatial};
  Index channel = first + j % rows.groupChannels();
  return {(r / rows.groups * rows.spatial + j / rows.groupChannels()) * rows.channels + channel, channel};
}

template <class T, int lanes>
__global__ void rowsNorm(NormRows rows, Compute<T> eps, const T* x, const Compute<T>* weight, const Compute<T>* bias,
                         T* y, Compute<T>* mean, Compute<T>* invStd) {
  using C = Compute<T>;
  Index perBlock = blockDim.x / lanes, lane = threadIdx.x % lanes;
  for (Index r = blockIdx.x * perBlock + threadIdx.x / lanes; r < rows.count(); r += gridDim.x * perBlock) {
    Moments<C> moments{0, 0, 0};
    for (Index j = lane; j < rows.length(); j += lanes) moments.add(get(x[elementOf(rows, r, j).offset]));
    moments = rowMoments<lanes>(moments);
    C variance = moments.squares / moments.count, scale = 1 / sqrt(variance + eps);  // of nothing: NaN
    if (lane == 0) {
      mean[r] = moments.count > 0 ? moments.mean : variance;
      invStd[r] = scale;
    }
    for (Index j = lane; j < rows.length(); j += lanes) {
      RowElement at = elementOf(rows, r, j);
      C w = weight ? weight[at.channel] : C(1), b = bias ? bias[at.channel] : C(0);
      y[at.offset] = put<T>((get(x[at.offset]) - moments.mean) * scale * w + b);
    }
  }
}

/// With g = dy·weight and x̂ the normalised x: dx = invStd·(g − mean(g) − x̂·mean(g·x̂)).
template <class T, int lanes>
__global__ void rowsNormBackward(NormRows rows, const T* dy, const T* x, const Compute<T>* weight,
                                 const Compute<T>* mean, const Compute<T>* invStd, T* dx) {
  using C = Compute<T>;
  Index perBlock = blockDim.x / lanes, lane = threadIdx.x % lanes;
  C length = static_cast<C>(rows.length());
  for (Index r = blockIdx.x * perBlock + threadIdx.x / lanes; r < rows.count(); r += gridDim.x * perBlock) {
    C center = mean[r], scale = invStd[r], sum = 0, sumX = 0;
    for (Index j = lane; j < rows.length(); j += lanes) {
      RowElement at = elementOf(rows, r, j);
      C g = get(dy[at.offset]) * (weight ? weight[at.channel] : C(1));
      sum += g;
      sumX += g * ((get(x[at.offset]) - center) * scale);
    }
    C meanG = rowSum<lanes>(sum) / length, meanGX = rowSum<lanes>(sumX) / length;
    for (Index j = lane; j < rows.length(); j += lanes) {
      RowElement at = elementOf(rows, r, j);
      C g = get(dy[at.offset]) * (weight ? weight[at.channel] : C(1)),
        normalised = (get(x[at.offset]) - center) * scale;
      dx[at.offset] = put<T>(scale * (g - meanG - normalised * meanGX));
    }
  }
}

}  // namespace kernels

namespace {

/// Calls `f` with the number of threads a row, and the grid.
template <class F>
void dispatchLanes(const NormRows& rows, F&& f) {
  if (rows.length() <= 1024) return f(std::integral_constant<int, 32>{}, gridFor(rows.count() * 32, 256));
  f(std::integral_constant<int, 512>{}, gridFor(rows.count() * 512, 512));
}

ChannelView viewOf(const NormRows& rows) {
  if (rows.channelsAreLast) return {rows.samples * rows.spatial, rows.channels, 1};
  return {rows.samples, rows.channels, rows.spatial};
}

}  // namespace

void launchRowsNorm(cudaStream_t stream, DType dtype, const NormRows& rows, double eps, const void* x,
                    const void* weight, const void* bias, void* y, void* mean, void* invStd) {
  if (rows.count() == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    using C = kernels::Compute<T>;
    dispatchLanes(rows, [&]<int lanes>(std::integral_constant<int, lanes>, const Grid& grid) {
      launch<kernels::rowsNorm<T, lanes>>(stream, grid, rows, static_cast<C>(eps), static_cast<const T*>(x),
                                          static_cast<const C*>(weight), static_cast<const C*>(bias),
                                          static_cast<T*>(y), static_cast<C*>(mean), static_cast<C*>(invStd));
    });
  });
}

std::size_t rowsNormBackwardWorkspace(DType dtype, const NormRows& rows) {
  return channelSumsWorkspace(dtype, viewOf(rows));
}

void launchRowsNormBackward(cudaStream_t stream, DType dtype, const NormRows& rows, const void* dy, const void* x,
                            const void* weight, const void* mean, const void* invStd, void* dx, void* dw, void* db,
                            void* workspace) {
  StatisticsView statistics = {rows.channelsAreLast ? std::max<Index>(rows.spatial, 1) : 1, rows.groups,
                               std::max<Index>(rows.groupChannels(), 1)};
  launchChannelSums(stream, dtype, viewOf(rows), statistics, dy, x, mean, invStd, dw, db, workspace);
  if (rows.count() * rows.length() == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    using C = kernels::Compute<T>;
    dispatchLanes(rows, [&]<int lanes>(std::integral_constant<int, lanes>, const Grid& grid) {
      launch<kernels::rowsNormBackward<T, lanes>>(
          stream, grid, rows, static_cast<const T*>(dy), static_cast<const T*>(x), static_cast<const C*>(weight),
          static_cast<const C*>(mean), static_cast<const C*>(invStd), static_cast<T*>(dx));
    });
  });
}

}  // namespace cnn::cuda

// Random tensors: a thread draws one Philox block and writes the four elements that it is for. Dropout draws where it
// drops, so no mask is stored. Compiled without fused multiply-adds: the numbers are to equal the reference's bit for
// bit.
#include "random.hpp"

#include <numbers>

#include "backends/cuda/launch.cuh"
#include "base/philox.hpp"
#include "device.cuh"

namespace cnn::cuda {
namespace kernels {

__device__ inline PhiloxBlock blockOf(RandomStream stream, Index index) {
  return philox(static_cast<std::uint64_t>(stream.seed), static_cast<std::uint64_t>(stream.offset),
                static_cast<std::uint64_t>(index));
}

template <class T>
__global__ void uniform(RandomStream stream, double low, double range, T* y, Index count) {
  for (Index block = gridIndex(); block * 4 < count; block += gridStep()) {
    PhiloxBlock words = blockOf(stream, block);
    for (int k = 0; k < 4 && block * 4 + k < count; k++) {
      y[block * 4 + k] = static_cast<T>(low + range * static_cast<double>(uniformFloat(words.words[k])));
    }
  }
}

/// Box–Muller: each pair of words makes a pair of elements.
template <class T>
__global__ void normal(RandomStream stream, double mean, double std, T* y, Index count) {
  for (Index block = gridIndex(); block * 4 < count; block += gridStep()) {
    PhiloxBlock words = blockOf(stream, block);
    for (int k = 0; k < 4 && block * 4 + k < count; k += 2) {
      double radius = sqrt(-2 * log(static_cast<double>(uniformFloatOpen(words.words[k]))));
      double angle = 2 * std::numbers::pi * static_cast<double>(uniformFloat(words.words[k + 1]));
      Index i = block * 4 + k;
      y[i] = static_cast<T>(mean + std * (radius * cos(angle)));
      if (i + 1 < count) y[i + 1] = static_cast<T>(mean + std * (radius * sin(angle)));
    }
  }
}

/// The number of an element's word, from its place in memory.
__device__ inline Index wordOf(const DropoutView& view, Index i) {
  if (!view.channelsAreLast) return view.byPlane ? i / view.inner : i;
  Index c = i % view.channels, s = i / view.channels % view.inner, n = i / (view.channels * view.inner);
  Index plane = n * view.channels + c;
  return view.byPlane ? plane : plane * view.inner + s;
}

template <class T>
__device__ inline T dropped(T x, std::uint32_t word, double p) {
  using C = Compute<T>;
  return static_cast<double>(uniformFloat(word)) >= p ? put<T>(get(x) / static_cast<C>(1 - p)) : put<T>(C(0));
}

/// Where elements have words in the order of memory: a block for every four.
template <class T>
__global__ void dropout(RandomStream stream, double p, const T* x, T* y, Index count) {
  for (Index block = gridIndex(); block * 4 < count; block += gridStep()) {
    PhiloxBlock words = blockOf(stream, block);
    for (int k = 0; k < 4 && block * 4 + k < count; k++)
      y[block * 4 + k] = dropped(x[block * 4 + k], words.words[k], p);
  }
}

/// Else each element draws its own.
template <class T>
__global__ void dropoutScattered(RandomStream stream, double p, DropoutView view, const T* x, T* y, Index count) {
  for (Index i = gridIndex(); i < count; i += gridStep()) {
    Index word = wordOf(view, i);
    y[i] = dropped(x[i], blockOf(stream, word / 4).words[word % 4], p);
  }
}

}  // namespace kernels

namespace {

/// A thread for every four elements.
Grid gridOfBlocks(Index count) { return gridFor((count + 3) / 4); }

}  // namespace

void launchUniform(cudaStream_t stream, DType dtype, RandomStream random, double low, double high, void* y,
                   Index count) {
  if (count == 0) return;
  if (dtype == DType::float64) {
    launch<kernels::uniform<double>>(stream, gridOfBlocks(count), random, low, high - low, static_cast<double*>(y),
                                     count);
  } else {
    launch<kernels::uniform<float>>(stream, gridOfBlocks(count), random, low, high - low, static_cast<float*>(y),
                                    count);
  }
}

void launchNormal(cudaStream_t stream, DType dtype, RandomStream random, double mean, double std, void* y,
                  Index count) {
  if (count == 0) return;
  if (dtype == DType::float64) {
    launch<kernels::normal<double>>(stream, gridOfBlocks(count), random, mean, std, static_cast<double*>(y), count);
  } else {
    launch<kernels::normal<float>>(stream, gridOfBlocks(count), random, mean, std, static_cast<float*>(y), count);
  }
}

void launchDropout(cudaStream_t stream, DType dtype, RandomStream random, double p, const DropoutView& view,
                   const void* x, void* y) {
  Index count = view.outer * view.channels * view.inner;
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    if (view.channelsAreLast || view.byPlane) {
      launch<kernels::dropoutScattered<T>>(stream, gridFor(count), random, p, view, from, to, count);
    } else {
      launch<kernels::dropout<T>>(stream, gridOfBlocks(count), random, p, from, to, count);
    }
  });
}

}  // namespace cnn::cuda

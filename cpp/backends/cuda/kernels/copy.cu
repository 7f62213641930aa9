// Moving elements. Bound by memory: units are as wide as alignment allows, and transposed copies go through tiles in
// shared memory, so that both sides are read and written in whole lines.
#include "copy.hpp"

#include "backends/cuda/launch.cuh"
#include "device.cuh"

namespace cnn::cuda {
namespace kernels {

/// 16 bytes that move at once.
struct alignas(16) Wide {
  std::uint64_t half[2];
};

/// Tensors of the walk: y, x.
template <class T, class I>
__global__ void copyStrided(Walk<2> walk, const T* x, T* y) {
  for (Index i = gridIndex(); i < walk.count; i += gridStep()) {
    I at[2];
    offsetsAt(walk, static_cast<I>(i), at);
    y[at[0]] = x[at[1]];
  }
}

/// A batch of matrices: y [batch, rows, columns] is contiguous along columns, x along rows.
struct Transposition {
  Index batch, rows, columns;
  Index xBatch, xColumn, yBatch, yRow;  // strides
};

/// Blocks of 32 × 8 move tiles of 32 × 32.
template <class T>
__global__ void copyTransposed(Transposition t, const T* x, T* y) {
  __shared__ T tile[32][33];  // one column more: neighbours of a column lie in different banks
  Index rowTiles = (t.rows + 31) / 32, columnTiles = (t.columns + 31) / 32;
  for (Index i = blockIdx.x; i < t.batch * rowTiles * columnTiles; i += gridDim.x) {
    Index batch = i / (rowTiles * columnTiles);
    Index row = i / columnTiles % rowTiles * 32, column = i % columnTiles * 32;
    for (int k = static_cast<int>(threadIdx.y); k < 32; k += 8) {
      Index r = row + threadIdx.x, c = column + k;
      if (r < t.rows && c < t.columns) tile[k][threadIdx.x] = x[batch * t.xBatch + r + c * t.xColumn];
    }
    __syncthreads();
    for (int k = static_cast<int>(threadIdx.y); k < 32; k += 8) {
      Index r = row + k, c = column + threadIdx.x;
      if (r < t.rows && c < t.columns) y[batch * t.yBatch + r * t.yRow + c] = tile[threadIdx.x][k];
    }
    __syncthreads();  // before the next tile overwrites this one
  }
}

template <class T>
__global__ void fill(T value, T* y, Index packs, Index count) {
  Pack<T> pack = {{value, value, value, value}};
  for (Index i = gridIndex(); i < packs; i += gridStep()) storePack(y, i, pack);
  for (Index i = 4 * packs + gridIndex(); i < count; i += gridStep()) y[i] = value;
}

}  // namespace kernels

namespace {

bool isAligned(const void* pointer, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

/// Makes units of two elements as long as rows and strides are even: fewer, wider moves.
std::size_t widen(Walk<2>& walk, std::size_t bytes, const void* x, const void* y) {
  auto isEven = [&] {
    int last = walk.rank - 1;
    if (walk.strides[0][last] != 1 || walk.strides[1][last] != 1 || walk.shape[last] % 2 != 0) return false;
    for (int axis = 0; axis < last; axis++) {
      if (walk.strides[0][axis] % 2 != 0 || walk.strides[1][axis] % 2 != 0) return false;
    }
    return isAligned(x, 2 * bytes) && isAligned(y, 2 * bytes);
  };
  while (bytes < 16 && isEven()) {
    int last = walk.rank - 1;
    for (int axis = 0; axis < last; axis++) {
      walk.strides[0][axis] /= 2;
      walk.strides[1][axis] /= 2;
    }
    walk.shape[last] /= 2;
    walk.count /= 2;
    bytes *= 2;
  }
  return bytes;
}

bool isTransposed(const Walk<2>& walk) {
  int rows = walk.rank - 2, columns = walk.rank - 1;
  return (walk.rank == 2 || walk.rank == 3) && walk.strides[0][columns] == 1 && walk.strides[1][rows] == 1 &&
         walk.shape[rows] >= 4 && walk.shape[columns] >= 4;
}

template <class T>
void launchTransposed(cudaStream_t stream, const Walk<2>& walk, const T* x, T* y) {
  int rows = walk.rank - 2, columns = walk.rank - 1;
  bool hasBatch = walk.rank == 3;
  kernels::Transposition t = {hasBatch ? walk.shape[0] : 1, walk.shape[rows],
                              walk.shape[columns],          hasBatch ? walk.strides[1][0] : 0,
                              walk.strides[1][columns],     hasBatch ? walk.strides[0][0] : 0,
                              walk.strides[0][rows]};
  Index tiles = t.batch * ((t.rows + 31) / 32) * ((t.columns + 31) / 32);
  launch<kernels::copyTransposed<T>>(stream, Grid{gridFor(tiles, 1).blocks, dim3(32, 8)}, t, x, y);
}

template <class T>
void launchStrided(cudaStream_t stream, const Walk<2>& walk, const void* from, void* to) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if (isTransposed(walk)) {
    launchTransposed(stream, walk, x, y);
  } else if (walk.fitsInt32()) {
    launch<kernels::copyStrided<T, int>>(stream, gridFor(walk.count), walk, x, y);
  } else {
    launch<kernels::copyStrided<T, Index>>(stream, gridFor(walk.count), walk, x, y);
  }
}

}  // namespace

void launchCopy(cudaStream_t stream, std::size_t elementBytes, Walk<2> walk, const void* x, void* y) {
  if (walk.count == 0) return;
  if (walk.isContiguous(0) && walk.isContiguous(1)) {
    CHECK(cudaMemcpyAsync(y, x, static_cast<std::size_t>(walk.count) * elementBytes, cudaMemcpyDeviceToDevice, stream));
    return;
  }
  std::size_t bytes = widen(walk, elementBytes, x, y);
  if (bytes == 16) return launchStrided<kernels::Wide>(stream, walk, x, y);
  kernels::dispatchBytes(bytes, [&]<class T>(Type<T>) { launchStrided<T>(stream, walk, x, y); });
}

void launchFill(cudaStream_t stream, std::size_t elementBytes, std::uint64_t bits, void* y, Index count) {
  if (count == 0) return;
  kernels::dispatchBytes(elementBytes, [&]<class T>(Type<T>) {
    T* to = static_cast<T*>(y);
    launch<kernels::fill<T>>(stream, gridFor((count + 3) / 4), static_cast<T>(bits), to, kernels::packsOf(count, to),
                             count);
  });
}

}  // namespace cnn::cuda

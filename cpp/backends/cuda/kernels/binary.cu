// Functions of two tensors, and selection. Without broadcasting each thread takes four elements at a time; else the
// walk says which elements belong together, at one division an axis.
#include "backends/cuda/launch.cuh"
#include "binary.cuh"
#include "elementwise.hpp"

namespace cnn::cuda {
namespace kernels {

template <class T, class Out>
__device__ inline Out combine(BinaryFunction f, T a, T b) {
  if constexpr (std::is_same_v<Out, T>) {
    return put<T>(arithmetic(f, get(a), get(b)));
  } else {
    return formula::comparison(f, get(a), get(b));
  }
}

/// y[i] = f(a[i], b[i]); a or b may be one element only.
template <class T, class Out>
__global__ void binary(BinaryFunction f, const T* a, bool aIsScalar, const T* b, bool bIsScalar, Out* y, Index packs,
                       Index count) {
  for (Index i = gridIndex(); i < packs; i += gridStep()) {
    Pack<T> left, right;
    if (!aIsScalar) left = loadPack(a, i);
    if (!bIsScalar) right = loadPack(b, i);
    Pack<Out> out;
    for (int k = 0; k < 4; k++)
      out.at[k] = combine<T, Out>(f, aIsScalar ? a[0] : left.at[k], bIsScalar ? b[0] : right.at[k]);
    storePack(y, i, out);
  }
  for (Index i = 4 * packs + gridIndex(); i < count; i += gridStep()) {
    y[i] = combine<T, Out>(f, a[aIsScalar ? 0 : i], b[bIsScalar ? 0 : i]);
  }
}

/// Tensors of the walk: y, a, b.
template <class T, class Out, class I>
__global__ void binaryStrided(BinaryFunction f, Walk<3> walk, const T* a, const T* b, Out* y) {
  for (Index i = gridIndex(); i < walk.count; i += gridStep()) {
    I at[3];
    offsetsAt(walk, static_cast<I>(i), at);
    y[at[0]] = combine<T, Out>(f, a[at[1]], b[at[2]]);
  }
}

/// Tensors of the walk: y, condition, a, b.
template <class T, class I>
__global__ void where(Walk<4> walk, const bool* condition, const T* a, const T* b, T* y) {
  for (Index i = gridIndex(); i < walk.count; i += gridStep()) {
    I at[4];
    offsetsAt(walk, static_cast<I>(i), at);
    y[at[0]] = condition[at[1]] ? a[at[2]] : b[at[3]];
  }
}

}  // namespace kernels

namespace {

template <class T, class Out>
void launchTyped(cudaStream_t stream, BinaryFunction f, const Walk<3>& walk, const void* left, const void* right,
                 void* result) {
  const T *a = static_cast<const T*>(left), *b = static_cast<const T*>(right);
  Out* y = static_cast<Out*>(result);
  bool aIsScalar = walk.isScalar(1), bIsScalar = walk.isScalar(2);
  if (walk.isContiguous(0) && (aIsScalar || walk.isContiguous(1)) && (bIsScalar || walk.isContiguous(2))) {
    Index packs = kernels::packsOf(walk.count, y, aIsScalar ? nullptr : a, bIsScalar ? nullptr : b);
    launch<kernels::binary<T, Out>>(stream, gridFor((walk.count + 3) / 4), f, a, aIsScalar, b, bIsScalar, y, packs,
                                    walk.count);
  } else if (walk.fitsInt32()) {
    launch<kernels::binaryStrided<T, Out, int>>(stream, gridFor(walk.count), f, walk, a, b, y);
  } else {
    launch<kernels::binaryStrided<T, Out, Index>>(stream, gridFor(walk.count), f, walk, a, b, y);
  }
}

}  // namespace

void launchBinary(cudaStream_t stream, DType dtype, BinaryFunction f, const Walk<3>& walk, const void* a, const void* b,
                  void* y) {
  if (walk.count == 0) return;
  if (!isComparison(f)) {
    return kernels::dispatchArithmetic(dtype, [&]<class T>(Type<T>) { launchTyped<T, T>(stream, f, walk, a, b, y); });
  }
  if (sizeOf(dtype) == 1)
    return launchTyped<std::uint8_t, bool>(stream, f, walk, a, b, y);  // false and true are 0 and 1
  kernels::dispatchArithmetic(dtype, [&]<class T>(Type<T>) { launchTyped<T, bool>(stream, f, walk, a, b, y); });
}

void launchWhere(cudaStream_t stream, DType dtype, const Walk<4>& walk, const bool* condition, const void* a,
                 const void* b, void* y) {
  if (walk.count == 0) return;
  kernels::dispatchBytes(sizeOf(dtype), [&]<class T>(Type<T>) {
    const T *left = static_cast<const T*>(a), *right = static_cast<const T*>(b);
    if (walk.fitsInt32()) {
      launch<kernels::where<T, int>>(stream, gridFor(walk.count), walk, condition, left, right, static_cast<T*>(y));
    } else {
      launch<kernels::where<T, Index>>(stream, gridFor(walk.count), walk, condition, left, right, static_cast<T*>(y));
    }
  });
}

}  // namespace cnn::cuda

// Padding and its gradient: a thread an element of the result.
#include "backends/cuda/launch.cuh"
#include "copy.hpp"
#include "device.cuh"

namespace cnn::cuda {
namespace kernels {

/// The place in x of place p in the padded axis, or −1 where that is the constant.
__device__ inline Index sourceOf(PadMode mode, Index p, Index low, Index size) {
  Index i = p - low;
  switch (mode) {
    case PadMode::constant: return i < 0 || i >= size ? -1 : i;
    case PadMode::reflect: return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    case PadMode::replicate: return i < 0 ? 0 : i >= size ? size - 1 : i;
    case PadMode::circular: return ((i % size) + size) % size;
  }
  return -1;
}

template <class T>
__global__ void pad(PadShape shape, T constant, const T* x, T* y) {
  for (Index i = gridIndex(); i < shape.paddedCount; i += gridStep()) {
    Index rest = i, offset = 0, stride = 1;
    for (int axis = shape.rank - 1; axis >= 0 && offset >= 0; axis--) {
      Index source = sourceOf(shape.mode, rest % shape.padded[axis], shape.low[axis], shape.input[axis]);
      rest /= shape.padded[axis];
      offset = source < 0 ? -1 : offset + source * stride;
      stride *= shape.input[axis];
    }
    y[i] = offset < 0 ? constant : x[offset];
  }
}

/// The places of a padded axis that read one place i of x. All of them lie within `padded`.
struct Readers {
  Index first, count;  // a run of neighbours, or
  Index others[2];     // up to two more
  int otherCount;
  __device__ Index total() const { return count + otherCount; }
  __device__ Index at(Index k) const { return k < count ? first + k : others[k - count]; }
};

__device__ inline Readers readersOf(PadMode mode, Index i, Index low, Index size, Index padded) {
  Index high = padded - size - low, same = i + low;
  Readers readers = {same, 1, {0, 0}, 0};
  switch (mode) {
    case PadMode::constant:
      if (same < 0 || same >= padded) readers.count = 0;
      break;
    case PadMode::replicate:  // the ends are read from all of the padding beside them
      if (i == 0) readers = {0, low + 1, {0, 0}, 0};
      if (i == size - 1) readers.count += high;
      break;
    case PadMode::reflect:
      if (i > 0 && i <= low) readers.others[readers.otherCount++] = low - i;
      if (i < size - 1 && size - 1 - i <= high) readers.others[readers.otherCount++] = low + 2 * (size - 1) - i;
      break;
    case PadMode::circular:
      if (size - i <= low) readers.others[readers.otherCount++] = same - size;
      if (i < high) readers.others[readers.otherCount++] = same + size;
      break;
  }
  return readers;
}

/// The readers of an element of x are all combinations of the readers along each axis.
template <class T>
__global__ void padBackward(PadShape shape, const T* dy, T* dx) {
  for (Index i = gridIndex(); i < shape.inputCount; i += gridStep()) {
    Readers readers[maxRank];
    Index rest = i, total = 1;
    for (int axis = shape.rank - 1; axis >= 0; axis--) {
      Index size = shape.input[axis];
      readers[axis] = readersOf(shape.mode, rest % size, shape.low[axis], size, shape.padded[axis]);
      rest /= size;
      total *= readers[axis].total();
    }
    Compute<T> sum = 0;
    for (Index k = 0; k < total; k++) {
      Index choice = k, offset = 0, stride = 1;
      for (int axis = shape.rank - 1; axis >= 0; axis--) {
        Index options = readers[axis].total();
        offset += readers[axis].at(choice % options) * stride;
        choice /= options;
        stride *= shape.padded[axis];
      }
      sum += get(dy[offset]);
    }
    dx[i] = put<T>(sum);
  }
}

}  // namespace kernels

PadShape makePadShape(PadMode mode, const TensorDesc& input, const Dims& padded, const Dims& low) {
  PadShape shape{.mode = mode};
  for (Index each : memoryOrder(input)) {
    int axis = static_cast<int>(each);
    shape.input[shape.rank] = input.shape[axis];
    shape.padded[shape.rank] = padded[axis];
    shape.low[shape.rank] = low[axis];
    shape.inputCount *= input.shape[axis];
    shape.paddedCount *= padded[axis];
    shape.rank++;
  }
  return shape;
}

void launchPad(cudaStream_t stream, std::size_t elementBytes, const PadShape& shape, std::uint64_t constant,
               const void* x, void* y) {
  if (shape.paddedCount == 0) return;
  kernels::dispatchBytes(elementBytes, [&]<class T>(Type<T>) {
    launch<kernels::pad<T>>(stream, gridFor(shape.paddedCount), shape, static_cast<T>(constant),
                            static_cast<const T*>(x), static_cast<T*>(y));
  });
}

void launchPadBackward(cudaStream_t stream, DType dtype, const PadShape& shape, const void* dy, void* dx) {
  if (shape.inputCount == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    launch<kernels::padBackward<T>>(stream, gridFor(shape.inputCount), shape, static_cast<const T*>(dy),
                                    static_cast<T*>(dx));
  });
}

}  // namespace cnn::cuda

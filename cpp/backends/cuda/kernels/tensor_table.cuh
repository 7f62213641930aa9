// Many tensors in one launch: their addresses and sizes travel as the kernel's parameters (at most 4 KB), and blocks
// share all their elements in chunks.
#pragma once

#include "backends/cuda/launch.cuh"
#include "device.cuh"
#include "update.hpp"

namespace cnn::cuda {
namespace kernels {

inline constexpr Index chunkSize = 4096;  // elements

/// Tensor i of each list has sizes[i] elements, which are chunks [firstChunk[i], firstChunk[i + 1]).
template <int lists>
struct TensorTable {
  static constexpr int capacity = 3600 / (8 * lists + 16);
  int count;
  bool isAligned;  // every address, for packs
  void* tensors[lists][capacity];
  Index sizes[capacity];
  Index firstChunk[capacity + 1];
};

/// A chunk of one tensor.
struct Chunk {
  int tensor;
  Index from, to;  // elements
};

template <int lists>
__device__ inline Chunk chunkAt(const TensorTable<lists>& table, Index chunk) {
  int low = 0, high = table.count;  // the tensor is in [low, high)
  while (high - low > 1) {
    int middle = (low + high) / 2;
    (table.firstChunk[middle] <= chunk ? low : high) = middle;
  }
  Index from = (chunk - table.firstChunk[low]) * chunkSize;
  return {low, from, smaller(from + chunkSize, table.sizes[low])};
}

}  // namespace kernels

/// Calls `f(table, grid, n)` for as many tables as it takes, the n-th; at most `mostBlocks` blocks each.
template <int lists, class T, class F>
void forEachTable(const TensorLists& tensors, std::span<void* const> pointers, Index mostBlocks, F f) {
  using Table = kernels::TensorTable<lists>;
  std::size_t count = tensors.sizes.size();
  int n = 0;
  for (std::size_t next = 0; next < count; n++) {
    Table table{};
    table.isAligned = true;
    for (; next < count && table.count < Table::capacity; next++) {
      if (tensors.sizes[next] == 0) continue;
      int at = table.count++;
      for (std::size_t list = 0; list < lists; list++) {
        void* pointer = pointers[list * count + next];
        table.tensors[list][at] = pointer;
        table.isAligned = table.isAligned && reinterpret_cast<std::uintptr_t>(pointer) % alignof(kernels::Pack<T>) == 0;
      }
      table.sizes[at] = tensors.sizes[next];
      table.firstChunk[at + 1] = table.firstChunk[at] + (table.sizes[at] + kernels::chunkSize - 1) / kernels::chunkSize;
    }
    Index chunks = table.firstChunk[table.count];
    f(table, Grid{dim3(static_cast<unsigned>(std::clamp<Index>(chunks, 1, mostBlocks))), dim3(256)}, n);
  }
}

}  // namespace cnn::cuda

// Concatenation: one launch for up to 96 inputs, whose addresses travel as the kernel's parameters. Bound by memory.
#include "backends/cuda/launch.cuh"
#include "copy.hpp"
#include "device.cuh"

namespace cnn::cuda {
namespace kernels {

inline constexpr int concatInputs = 96;

/// Input i fills units [starts[i], starts[i + 1]) of each row.
struct ConcatTable {
  int count;
  const void* inputs[concatInputs];
  Index starts[concatInputs + 1];
};

/// y [outer, rowUnits]; the table's inputs cover a part of each row.
template <class T>
__global__ void concat(ConcatTable table, Index outer, Index rowUnits, T* y) {
  Index begin = table.starts[0], width = table.starts[table.count] - begin;
  for (Index i = gridIndex(); i < outer * width; i += gridStep()) {
    Index row = i / width, at = begin + i % width;
    int low = 0, high = table.count;  // the input at `at` is in [low, high)
    while (high - low > 1) {
      int middle = (low + high) / 2;
      (table.starts[middle] <= at ? low : high) = middle;
    }
    Index units = table.starts[low + 1] - table.starts[low];
    y[row * rowUnits + at] = static_cast<const T*>(table.inputs[low])[row * units + at - table.starts[low]];
  }
}

/// 16 bytes that move at once.
struct alignas(16) ConcatUnit {
  std::uint64_t half[2];
};

}  // namespace kernels

namespace {

/// The widest unit of which all rows, parts and addresses are made.
std::size_t unitOf(Index rowBytes, std::span<const ConcatPart> parts, const void* y) {
  auto all = static_cast<std::uintptr_t>(rowBytes) | reinterpret_cast<std::uintptr_t>(y) | 16;
  for (const ConcatPart& part : parts)
    all |= static_cast<std::uintptr_t>(part.bytes) | reinterpret_cast<std::uintptr_t>(part.x);
  return static_cast<std::size_t>(all & (~all + 1));  // the lowest bit
}

template <class T>
void launchTyped(cudaStream_t stream, Index outer, Index rowBytes, std::span<const ConcatPart> parts, void* y) {
  constexpr Index unit = sizeof(T);
  while (!parts.empty()) {
    kernels::ConcatTable table{};
    table.starts[0] = parts.front().start / unit;
    std::size_t taken = std::min<std::size_t>(parts.size(), kernels::concatInputs);
    for (const ConcatPart& part : parts.first(taken)) {
      if (part.bytes == 0) continue;  // empty inputs have no place
      table.inputs[table.count++] = part.x;
      table.starts[table.count] = (part.start + part.bytes) / unit;
    }
    parts = parts.subspan(taken);
    Index units = outer * (table.starts[table.count] - table.starts[0]);
    if (units > 0)
      launch<kernels::concat<T>>(stream, gridFor(units), table, outer, rowBytes / unit, static_cast<T*>(y));
  }
}

}  // namespace

void launchConcat(cudaStream_t stream, Index outer, Index rowBytes, std::span<const ConcatPart> parts, void* y) {
  if (outer * rowBytes == 0) return;
  std::size_t unit = unitOf(rowBytes, parts, y);
  if (unit == 16) return launchTyped<kernels::ConcatUnit>(stream, outer, rowBytes, parts, y);
  kernels::dispatchBytes(unit, [&]<class T>(Type<T>) { launchTyped<T>(stream, outer, rowBytes, parts, y); });
}

}  // namespace cnn::cuda

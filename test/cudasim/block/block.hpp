// The execution of a grid on one CPU thread: blocks one after another, the threads of a block in turn.
#pragma once

#include <vector_types.h>

#include <cstddef>
#include <source_location>
#include <string>

namespace cudasim {

struct GridShape {
  dim3 blocks, threads;
  std::size_t sharedBytes = 0;
  std::string what;  // "kernel cnn::cuda::kernels::relu<float>"
};

/// Calls `thread` for every thread of the grid. A block in which nobody waits is a plain loop; a thread that waits
/// keeps its own stack, and the loop goes on beside it.
void runGrid(const GridShape& shape, void (*thread)(void* const* arguments), void* const* arguments);

// ---- for the kernels, while they run

struct Lane {
  uint3 threadIdx{}, blockIdx{};
  dim3 blockDim{}, gridDim{};
};
/// The thread that runs now.
extern Lane lane;

using Site = std::source_location;

/// Every thread of the block must come to the same place.
void waitForBlock(const Site& site);
/// Every lane of `mask` must come to the same place.
void waitForWarp(unsigned mask, const Site& site);
/// As waitForWarp, exchanging 8 bytes: returns the value of `source`, a lane of this warp.
unsigned long long exchange(unsigned mask, unsigned long long value, int source, const Site& site);
int laneNumber();
/// The lanes of this warp that exist and have not ended.
unsigned activeLanes();
void* dynamicShared();

}  // namespace cudasim

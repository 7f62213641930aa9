// Kernels of the cases: some that are right, some that break a rule.
#include "backends/cuda/launch.cuh"

namespace cases {

__global__ void add(const float* x, float* y, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] += x[i];
}

__global__ void copyFour(const float4* x, float4* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = x[i];
}

// Every other float of x, twice each.
__global__ void readTwice(const volatile float* x, float* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = x[2 * i] + x[2 * i];
}

// y[block] = Σ x over the block, by warps
__global__ void sumBlocks(const float* x, float* y, int n) {
  __shared__ float warps[32];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = i < n ? x[i] : 0.0f;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(0xffffffff, sum, step);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < static_cast<int>(blockDim.x / 32); warp++) sum += warps[warp];
  y[blockIdx.x] = sum;
}

// y = x backwards, through the block's dynamic shared memory
__global__ void reverse(const float* x, float* y) {
  extern __shared__ float held[];
  held[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = held[blockDim.x - 1 - threadIdx.x];
}

struct Table {
  const float* x[2];
  float* y;
};
__global__ void addTable(const Table* table, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) table->y[i] = table->x[0][i] + table->x[1][i];
}

__global__ void someReachTheBarrier(float* y) {
  if (threadIdx.x < 8) __syncthreads();
  y[threadIdx.x] = 1;
}

__global__ void twoBarriers(float* y) {
  if (threadIdx.x < 8) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = 1;
}

__global__ void laneOutsideTheMask(float* y) {
  float value = 1;
  if (threadIdx.x < 16) value = __shfl_down_sync(0x0000ffff, value, 8);
  y[threadIdx.x] = value;
}

__global__ void lanesDiffer(float* y) {
  float value = 1;
  if (threadIdx.x < 16) {
    value = __shfl_xor_sync(0xffffffff, value, 1);
  } else {
    value = __shfl_xor_sync(0xffffffff, value, 2);
  }
  y[threadIdx.x] = value;
}

}  // namespace cases

void registerCases() {
  static_cast<void>(cudasim::isRegistered<cases::add>);
  static_cast<void>(cudasim::isRegistered<cases::copyFour>);
  static_cast<void>(cudasim::isRegistered<cases::readTwice>);
  static_cast<void>(cudasim::isRegistered<cases::sumBlocks>);
  static_cast<void>(cudasim::isRegistered<cases::reverse>);
  static_cast<void>(cudasim::isRegistered<cases::addTable>);
  static_cast<void>(cudasim::isRegistered<cases::someReachTheBarrier>);
  static_cast<void>(cudasim::isRegistered<cases::twoBarriers>);
  static_cast<void>(cudasim::isRegistered<cases::laneOutsideTheMask>);
  static_cast<void>(cudasim::isRegistered<cases::lanesDiffer>);
}

// DEVICE_CODE marks what GPU kernels call as well as the host; other compilers than CUDA's see nothing of it.
// FORMULA marks what is compiled for one of them, with its mathematics: within a loop over an array, or within a GPU
// kernel.
#pragma once

#ifdef __CUDACC__
#define DEVICE_CODE __host__ __device__
#define FORMULA __device__ inline
#else
#define DEVICE_CODE
#if defined(__GNUC__)
#define FORMULA \
  __attribute__((always_inline)) inline  // a call that is not inlined keeps a loop from becoming vector code
#else
#define FORMULA inline
#endif
#endif

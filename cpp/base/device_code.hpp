// DEVICE_CODE marks what GPU kernels call as well as the host; other compilers than CUDA's see nothing of it.
#pragma once

#ifdef __CUDACC__
#define DEVICE_CODE __host__ __device__
#else
#define DEVICE_CODE
#endif

// The names of CUDA's libraries as the loader knows them; their number is that of the toolkit this was built with.
#pragma once

#include <cuda_runtime_api.h>

#if CUDART_VERSION >= 13000
#define CUDA_LIBRARY(name) "lib" name ".so.13"
#else
#define CUDA_LIBRARY(name) "lib" name ".so.12"
#endif

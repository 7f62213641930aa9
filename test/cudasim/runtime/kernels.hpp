// Kernels: which function of the CPU stands for which kernel of the program, and how its launch becomes work.
#pragma once

#include <vector_types.h>

#include <cstddef>

#include "stream.hpp"

namespace cudasim {

struct Parameter {
  std::size_t bytes;
  bool isPointer;
};

/// A kernel compiled for the CPU, as the library of kernels registers it.
struct Kernel {
  const Parameter* parameters;
  int parameterCount;
  void (*invoke)(void* const* arguments);  // one thread of it
};

/// `function` is exported, so that its mangled name, which is the kernel's, can be found.
bool registerKernel(const void* function, Kernel kernel);

struct Module;

/// `module`: the code that nvcc made of it; null: none, as for kernels of the CPU.
void registerHostFunction(const void* hostFunction, const char* deviceName, const Module* module = nullptr);
/// Refuses a device for which the kernel's module has no code.
void loadKernel(const void* hostFunction, int device);
/// The kernel's mangled name; refuses what was never registered.
const std::string& kernelName(const void* hostFunction);
void allowSharedBytes(const void* hostFunction, std::size_t bytes);
void launchKernel(const void* hostFunction, dim3 grid, dim3 threads, void** arguments, std::size_t sharedBytes,
                  const StreamPtr& stream);

}  // namespace cudasim

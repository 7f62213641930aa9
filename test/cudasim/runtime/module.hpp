// A module: what nvcc wrote into the program for one .cu file, of which only the architectures are read.
#pragma once

#include <vector>

namespace cudasim {

struct Module {
  struct Code {
    int major, minor;
    bool isPtx;       // translated for any newer device; else for the same generation
    bool isSpecific;  // "90a": for exactly that device
  };
  std::vector<Code> codes;

  bool runsOn(int major, int minor) const;
};

/// Of the argument of __cudaRegisterFatBinary. Says what is wrong where it can't be read; then it runs everywhere.
Module readModule(const void* wrapper);

}  // namespace cudasim

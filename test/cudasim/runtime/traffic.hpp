// Traffic: how many bytes of the device's memory a kernel asks for, and how many lie in the sectors that it touches at
// all. Only kernels that were compiled to tell are counted: with CUDASIM_TRAFFIC=1 the libraries *_counted.so take the
// place of the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cudasim {

/// Of one kernel. Memory moves in whole sectors of 32 bytes, once for reading and once for writing if nothing has to be
/// fetched twice.
struct Traffic {
  std::uint64_t read = 0, written = 0;  // as asked for: what is asked for twice counts twice
  std::uint64_t sectorBytesRead = 0, sectorBytesWritten = 0;
};

bool countsTraffic();
/// Around each piece of work that runs. `bytes`: what it names, if it isn't a kernel; `graph`: the number of the launch
/// that it belongs to.
void beginTraffic();
void endTraffic(const std::string& what, std::size_t bytes, std::uint64_t graph);
/// The host waits for the device: what runs from now on has the next number.
void noteWait();
void clearTraffic();

// ---- for the kernels, while they run

void noteRead(const void* address, std::size_t bytes);
void noteWrite(const void* address, std::size_t bytes);

}  // namespace cudasim

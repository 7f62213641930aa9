// Memory of the simulated devices. A device address can never be read or written by the host: its pages stay closed.
// The same bytes lie a second time at a shadow address, which only executing work is given.
#pragma once

#include "ledger.hpp"

namespace cudasim {

enum class Space { device, pinned };

/// One allocation. It goes through three states: live, freed (in program order: new work may not name it), and gone
/// (the free was executed: its pages are closed for good, and its addresses are never given out again).
struct Block {
  std::uintptr_t address = 0;
  std::size_t bytes = 0;
  Space space = Space::device;
  int device = 0;
  std::string origin;  // "cudaMalloc #12"
  bool isFreed = false, isGone = false;
  bool isAsync = false;                 // of a pool: its place in stream order counts
  std::uint64_t stream = 0, order = 0;  // the work after which it exists
  std::uintptr_t pages = 0;
  std::size_t pageBytes = 0;
  struct Hold {
    std::uintptr_t address;
    std::size_t bytes;
    bool copyWrites;
  };
  std::vector<Hold> holds;  // pinned: what pending copies read or write
};

/// "0x7f… , 96 bytes into the 4096 bytes of cudaMalloc #12"
std::string describe(const Block& block, std::uintptr_t address);

/// Null when the device's memory is used up.
Block* allocate(Space space, std::size_t bytes, int device, const char* call);
/// Takes the block out of program order: its bytes count as free from now on.
void markFreed(Block& block);
/// Closes its pages; checks the bytes around it for writes past its ends.
void discard(Block& block);

/// The block whose bytes (or whose surrounding guard) hold this address, whatever its state; null outside the
/// simulator's memory.
Block* blockAt(const void* address);
bool isDeviceAddress(const void* address);

/// The address at which executing work finds what it calls `address`. Host memory stays where it is.
void* shadowOf(const void* address);
/// The other way round: a shadow address as the program knows it.
const void* programAddress(const void* address);

/// The range must lie in one live block; refuses with a sentence that begins with `what`.
Block& requireLive(const void* address, std::size_t bytes, const std::string& what, int status);

/// Where programs see the memory, and where work finds it.
struct AddressSpace {
  std::uintptr_t outer, shadow;
  std::size_t bytes;
};
AddressSpace addressSpace();

struct Usage {
  std::size_t used = 0, peak = 0, limit = 0;
};
Usage usage(int device);

/// For the time that a pending copy needs pinned memory, the host may not write what it reads, nor even read what it
/// writes.
void holdPinned(Block& block, std::uintptr_t address, std::size_t bytes, bool copyWrites);
void releasePinned(Block& block, std::uintptr_t address, std::size_t bytes, bool copyWrites);

/// Opens a device block at its own address while a kernel runs that found the address in device memory; see trap.cpp.
bool openWhileExecuting(const void* address);
void closeOpened();

}  // namespace cudasim

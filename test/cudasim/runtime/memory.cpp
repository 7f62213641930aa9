// The address space: one sparse file, mapped twice. Every block ends at the end of a page, with a closed page behind
// it.
#include "memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "device.hpp"

namespace cudasim {

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t alignment = 256;
constexpr std::size_t span = std::size_t{1} << 41;  // of addresses; only blocks take memory
constexpr unsigned char canary = 0xC5;
constexpr unsigned char unwritten = 0xFF;  // NaN in every floating type, -1 in every signed one

struct Arena {
  int file = -1;
  std::uintptr_t outer = 0;   // what programs see
  std::uintptr_t shadow = 0;  // where work executes
  std::size_t next = page;
  std::map<std::uintptr_t, Block> blocks;  // by first page
  std::map<int, Usage> usage;              // by device; -1: pinned
  long allocations = 0;
  std::vector<Block*> opened;

  Arena() {
    file = memfd_create("cudasim", MFD_CLOEXEC);
    void* a = mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void* b = mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (file < 0 || ftruncate(file, span) != 0 || a == MAP_FAILED || b == MAP_FAILED) {
      std::perror("cudasim: no room for the simulated memory");
      std::abort();
    }
    outer = reinterpret_cast<std::uintptr_t>(a);
    shadow = reinterpret_cast<std::uintptr_t>(b);
  }

  void map(std::uintptr_t address, std::uintptr_t pages, std::size_t bytes, int protection) {
    auto offset = static_cast<off_t>(pages - outer);
    void* made = protection == PROT_NONE
                     ? mmap(reinterpret_cast<void*>(address), bytes, PROT_NONE,
                            MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                     : mmap(reinterpret_cast<void*>(address), bytes, protection, MAP_FIXED | MAP_SHARED, file, offset);
    if (made == MAP_FAILED) {
      std::perror("cudasim: mmap");
      std::abort();
    }
  }
  std::uintptr_t shadowed(std::uintptr_t address) const { return address - outer + shadow; }
};

Arena& arena() {
  static Arena& instance = *new Arena;
  return instance;
}

bool isIn(std::uintptr_t base, std::uintptr_t address) { return address >= base && address < base + span; }

std::string place(int device) { return device < 0 ? "pinned" : text("device ", device); }

std::size_t roundUp(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

unsigned char* bytesAt(std::uintptr_t shadowAddress) { return reinterpret_cast<unsigned char*>(shadowAddress); }

void checkCanary(const Block& block) {
  const unsigned char* first = bytesAt(arena().shadowed(block.pages));
  const unsigned char* begin = bytesAt(arena().shadowed(block.address));
  const unsigned char* end = begin + block.bytes;
  const unsigned char* last = first + block.pageBytes;
  for (const unsigned char* p = first; p < begin; p++) {
    if (*p != canary) {
      violation(text("something wrote ", begin - p, " bytes before the ", block.bytes, " bytes of ", block.origin));
      break;
    }
  }
  for (const unsigned char* p = end; p < last; p++) {
    if (*p != canary) {
      violation(text("something wrote ", p - end, " bytes behind the ", block.bytes, " bytes of ", block.origin));
      break;
    }
  }
}

}  // namespace

std::string describe(const Block& block, std::uintptr_t address) {
  auto offset = static_cast<long long>(address) - static_cast<long long>(block.address);
  std::string where = offset == 0  ? "the start of the "
                      : offset < 0 ? text(-offset, " bytes before the ")
                      : static_cast<std::size_t>(offset) >= block.bytes
                          ? text(static_cast<std::size_t>(offset) - block.bytes, " bytes behind the ")
                          : text(offset, " bytes into the ");
  return text(where, block.bytes, " bytes of ", block.origin, block.isFreed ? ", which was freed" : "");
}

Block* allocate(Space space, std::size_t bytes, int device, const char* call) {
  Arena& a = arena();
  int account = space == Space::pinned ? -1 : device;
  Usage& used = a.usage[account];
  if (space == Space::device) {
    used.limit = deviceMemory();
    if (bytes > used.limit || used.used > used.limit - bytes) return nullptr;
  }
  std::size_t inner = space == Space::pinned ? roundUp(bytes, page) : roundUp(bytes, alignment);
  std::size_t pageBytes = roundUp(inner, page);
  if (a.next + pageBytes + page > span) {
    std::fputs("cudasim: the simulated addresses are used up\n", stderr);
    std::abort();
  }
  Block block;
  block.pages = a.outer + a.next;
  block.pageBytes = pageBytes;
  block.address = block.pages + pageBytes - inner;
  block.bytes = bytes;
  block.space = space;
  block.device = device;
  block.origin = text(call, " #", ++a.allocations);
  a.next += pageBytes + page;

  a.map(a.shadowed(block.pages), block.pages, pageBytes, PROT_READ | PROT_WRITE);
  if (space == Space::pinned) a.map(block.pages, block.pages, pageBytes, PROT_READ | PROT_WRITE);
  std::memset(bytesAt(a.shadowed(block.pages)), canary, block.address - block.pages);
  std::memset(bytesAt(a.shadowed(block.address)), unwritten, bytes);
  std::memset(bytesAt(a.shadowed(block.address)) + bytes, canary, inner - bytes);

  used.used += bytes;
  used.peak = std::max(used.peak, used.used);
  setBytes(place(account), used.used);
  Block& stored = a.blocks[block.pages] = block;
  born(space == Space::pinned ? "pinned memory" : "device memory", &stored, text(stored.origin, ", ", bytes, " bytes"));
  return &stored;
}

void markFreed(Block& block) {
  int account = block.space == Space::pinned ? -1 : block.device;
  Usage& used = arena().usage[account];
  used.used -= block.bytes;
  setBytes(place(account), used.used);
  block.isFreed = true;
  died(block.space == Space::pinned ? "pinned memory" : "device memory", &block);
}

void discard(Block& block) {
  Arena& a = arena();
  checkCanary(block);
  block.isGone = true;
  a.map(a.shadowed(block.pages), block.pages, block.pageBytes, PROT_NONE);
  if (block.space == Space::pinned) a.map(block.pages, block.pages, block.pageBytes, PROT_NONE);
  fallocate(a.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(block.pages - a.outer),
            static_cast<off_t>(block.pageBytes));
}

Block* blockAt(const void* address) {
  Arena& a = arena();
  auto at = reinterpret_cast<std::uintptr_t>(programAddress(address));
  if (!isIn(a.outer, at)) return nullptr;
  auto next = a.blocks.upper_bound(at);
  return next == a.blocks.begin() ? nullptr : &std::prev(next)->second;
}

bool isDeviceAddress(const void* address) {
  Block* block = isIn(arena().outer, reinterpret_cast<std::uintptr_t>(address)) ? blockAt(address) : nullptr;
  return block && block->space == Space::device;
}

void* shadowOf(const void* address) {
  auto at = reinterpret_cast<std::uintptr_t>(address);
  return reinterpret_cast<void*>(isIn(arena().outer, at) ? arena().shadowed(at) : at);
}

const void* programAddress(const void* address) {
  auto at = reinterpret_cast<std::uintptr_t>(address);
  return isIn(arena().shadow, at) ? reinterpret_cast<void*>(at - arena().shadow + arena().outer) : address;
}

Block& requireLive(const void* address, std::size_t bytes, const std::string& what, int status) {
  auto at = reinterpret_cast<std::uintptr_t>(address);
  Block* block = isIn(arena().outer, at) ? blockAt(address) : nullptr;
  if (!block) refuse(status, what, " is ", address, ", which is no memory of the device");
  if (block->isFreed) refuse(status, what, " is used after it was freed: ", describe(*block, at));
  if (at < block->address || at + bytes > block->address + block->bytes) {
    refuse(status, what, " needs ", bytes, " bytes, but lies ", describe(*block, at));
  }
  return *block;
}

AddressSpace addressSpace() { return {arena().outer, arena().shadow, span}; }

Usage usage(int device) {
  Usage& used = arena().usage[device];
  if (device >= 0) used.limit = deviceMemory();
  return used;
}

namespace {

// Only pages that a copy covers whole: its neighbours in the first and the last page stay the host's.
void protect(const Block& block, std::uintptr_t address, std::size_t bytes) {
  for (std::uintptr_t at = roundUp(address, page); at + page <= address + bytes; at += page) {
    int protection = PROT_READ | PROT_WRITE;
    for (const Block::Hold& hold : block.holds) {
      if (at < hold.address || at + page > hold.address + hold.bytes) continue;
      protection &= hold.copyWrites ? PROT_NONE : PROT_READ;
    }
    mprotect(reinterpret_cast<void*>(at), page, protection);
  }
}

}  // namespace

void holdPinned(Block& block, std::uintptr_t address, std::size_t bytes, bool copyWrites) {
  // What a copy will overwrite holds nothing that may be used; an earlier copy that is still to read it excepted.
  if (copyWrites && block.holds.empty()) std::memset(shadowOf(reinterpret_cast<void*>(address)), unwritten, bytes);
  block.holds.push_back({address, bytes, copyWrites});
  protect(block, address, bytes);
}

void releasePinned(Block& block, std::uintptr_t address, std::size_t bytes, bool copyWrites) {
  auto hold = std::find_if(block.holds.begin(), block.holds.end(), [&](const Block::Hold& each) {
    return each.address == address && each.bytes == bytes && each.copyWrites == copyWrites;
  });
  if (hold == block.holds.end()) return;
  block.holds.erase(hold);
  if (!block.isGone) protect(block, address, bytes);
}

bool openWhileExecuting(const void* address) {
  Arena& a = arena();
  auto at = reinterpret_cast<std::uintptr_t>(address);
  if (!isIn(a.outer, at)) return false;
  Block* block = blockAt(address);
  if (!block || block->isGone || block->space != Space::device) return false;
  if (at / page * page < block->pages || at >= block->pages + block->pageBytes) return false;
  for (Block* each : a.opened) {
    if (each == block) return false;
  }
  a.map(block->pages, block->pages, block->pageBytes, PROT_READ | PROT_WRITE);
  a.opened.push_back(block);
  return true;
}

void closeOpened() {
  Arena& a = arena();
  for (Block* block : a.opened) {
    if (!block->isGone) a.map(block->pages, block->pages, block->pageBytes, PROT_NONE);
  }
  a.opened.clear();
}

}  // namespace cudasim

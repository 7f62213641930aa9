// Counting: a bit for every sector of the pages that a kernel touches, and the list of what ran.
#include "traffic.hpp"

#include <sys/mman.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../control.h"
#include "ledger.hpp"
#include "memory.hpp"

namespace cudasim {

namespace {

constexpr std::size_t sector = 32, page = 4096, words = page / sector / 64;

struct Page {
  std::size_t number;
  std::uint64_t read[words], written[words];
};

struct Entry {
  std::string what;
  std::size_t bytes;
  std::uint64_t graph, wait;
  Traffic traffic;
};

struct Counter {
  AddressSpace space = addressSpace();
  std::uint32_t*
      places;  // page → its place in `pages` + 1; 0: not touched. Sparse: only entries that are used take memory
  std::vector<Page> pages;  // of this kernel
  Traffic traffic;
  std::vector<Entry> entries;
  std::uint64_t waits = 0;

  Counter() {
    void* made = mmap(nullptr, space.bytes / page * sizeof *places, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) {
      std::perror("cudasim: no room to count traffic");
      std::abort();
    }
    places = static_cast<std::uint32_t*>(made);
  }

  Page& pageAt(std::size_t number) {
    std::uint32_t& place = places[number];
    if (place == 0) {
      pages.push_back({number, {}, {}});
      place = static_cast<std::uint32_t>(pages.size());
    }
    return pages[place - 1];
  }

  /// False for what is no memory of the device: locals, shared memory, parameters.
  bool touch(const void* address, std::size_t bytes, std::uint64_t (Page::*bits)[words]) {
    auto at = reinterpret_cast<std::uintptr_t>(address);
    std::size_t from = at - space.shadow < space.bytes ? at - space.shadow : at - space.outer;
    if (from >= space.bytes || bytes == 0) return false;
    for (std::size_t s = from / sector; s <= (from + bytes - 1) / sector; s++) {
      (pageAt(s * sector / page).*bits)[s / 64 % words] |= std::uint64_t{1} << (s % 64);
    }
    return true;
  }
};

Counter& counter() {
  static Counter& instance = *new Counter;
  return instance;
}

}  // namespace

bool countsTraffic() { return numberSetting("CUDASIM_TRAFFIC", 0) != 0; }

void beginTraffic() { counter().traffic = {}; }

void endTraffic(const std::string& what, std::size_t bytes, std::uint64_t graph) {
  Counter& c = counter();
  for (const Page& each : c.pages) {
    c.places[each.number] = 0;
    for (std::size_t i = 0; i < words; i++) {
      c.traffic.sectorBytesRead += sector * static_cast<std::size_t>(std::popcount(each.read[i]));
      c.traffic.sectorBytesWritten += sector * static_cast<std::size_t>(std::popcount(each.written[i]));
    }
  }
  c.pages.clear();
  c.entries.push_back({what, bytes, graph, c.waits, c.traffic});
}

void noteWait() { counter().waits++; }

void clearTraffic() {
  counter().entries.clear();
  counter().waits = 0;
}

void noteRead(const void* address, std::size_t bytes) {
  Counter& c = counter();
  if (c.touch(address, bytes, &Page::read)) c.traffic.read += bytes;
}

void noteWrite(const void* address, std::size_t bytes) {
  Counter& c = counter();
  if (c.touch(address, bytes, &Page::written)) c.traffic.written += bytes;
}

}  // namespace cudasim

using namespace cudasim;

extern "C" const char* cudasim_traffic(void) {
  std::lock_guard lock(machineLock());
  std::ostringstream out;
  const char* separator = "[";
  for (const Entry& each : counter().entries) {
    const Traffic& t = each.traffic;
    out << separator << "{\"what\": \"" << each.what << "\", \"bytes\": " << each.bytes << ", \"graph\": " << each.graph
        << ", \"wait\": " << each.wait << ", \"read\": " << t.read << ", \"written\": " << t.written
        << ", \"sectorBytesRead\": " << t.sectorBytesRead << ", \"sectorBytesWritten\": " << t.sectorBytesWritten
        << "}";
    separator = ",\n ";
  }
  if (counter().entries.empty()) out << separator;
  out << "]";
  thread_local std::string report;
  report = out.str();
  return report.c_str();
}

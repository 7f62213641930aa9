// The fat binary: a header, then an entry for each architecture, with a header of its own.
#include "module.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ledger.hpp"

namespace cudasim {

namespace {

struct Wrapper {
  std::uint32_t magic, version;
  const std::byte* data;
};
struct Header {
  std::uint32_t magic;
  std::uint16_t version, headerBytes;
  std::uint64_t bytes;  // of all entries
};
struct Entry {
  std::uint16_t kind, version;
  std::uint32_t headerBytes;
  std::uint64_t bytes;  // that follow the header
  std::uint32_t compressed, options;
  std::uint16_t formatMinor, formatMajor;
  std::uint32_t architecture;  // 90
  std::uint32_t nameOffset, nameBytes;
  std::uint64_t flags;
};

constexpr std::uint32_t wrapperMagic = 0x466243b1, headerMagic = 0xba55ed50;
constexpr std::uint16_t ptx = 1, machineCode = 2;
constexpr std::uint64_t specific = std::uint64_t{1} << 20,
                        family = std::uint64_t{1} << 24;  // sm_90a has the first, sm_100f both

}  // namespace

bool Module::runsOn(int major, int minor) const {
  if (codes.empty()) return true;
  return std::any_of(codes.begin(), codes.end(), [&](const Code& code) {
    if (code.isSpecific) return code.major == major && code.minor == minor;
    if (code.isPtx) return code.major * 10 + code.minor <= major * 10 + minor;
    return code.major == major && code.minor <= minor;
  });
}

Module readModule(const void* address) {
  Module module;
  Wrapper wrapper;
  Header header;
  std::memcpy(&wrapper, address, sizeof wrapper);
  if (wrapper.magic == wrapperMagic) std::memcpy(&header, wrapper.data, sizeof header);
  if (wrapper.magic != wrapperMagic || header.magic != headerMagic) {
    violation("the program's code for GPUs is written in a way that the simulator does not know");
    return module;
  }
  for (std::uint64_t at = 0; at < header.bytes;) {
    const std::byte* from = wrapper.data + header.headerBytes + at;
    Entry entry;
    std::memcpy(&entry, from, sizeof entry);
    auto architecture = static_cast<int>(entry.architecture);
    if (entry.kind == ptx || entry.kind == machineCode) {
      module.codes.push_back(
          {architecture / 10, architecture % 10, entry.kind == ptx, (entry.flags & (specific | family)) == specific});
    }
    at += entry.headerBytes + entry.bytes;
  }
  return module;
}

}  // namespace cudasim

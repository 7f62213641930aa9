// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based generator, so
// element i of a stream depends on (seed, offset, i) alone and every device, thread count and layout gives the same
// numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device_code.hpp"

namespace cnn {

struct PhiloxBlock {
  std::uint32_t words[4];
  DEVICE_CODE constexpr std::uint32_t operator[](std::size_t i) const { return words[i]; }
  friend bool operator==(const PhiloxBlock&, const PhiloxBlock&) = default;
};

DEVICE_CODE constexpr PhiloxBlock philox(std::uint64_t seed, std::uint64_t offset, std::uint64_t index) {
  PhiloxBlock counter = {{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                          static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(offset >> 32)}};
  std::uint32_t key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    std::uint64_t product0 = 0xD2511F53ull * counter[0], product1 = 0xCD9E8D57ull * counter[2];
    counter = {{static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(product1),
                static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(product0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// The authors' own test vectors (kat_vectors of Random123, philox4x32 10).
static_assert(philox(0, 0, 0) == PhiloxBlock{{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
static_assert(philox(~0ull, ~0ull, ~0ull) == PhiloxBlock{{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
static_assert(philox(0x299f31d0a4093822ull, 0x0370734413198a2eull, 0x85a308d3243f6a88ull) ==
              PhiloxBlock{{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});

/// A uniform number in [0, 1) with 24 random bits.
DEVICE_CODE constexpr float uniformFloat(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
/// A uniform number in (0, 1], safe for a logarithm.
DEVICE_CODE constexpr float uniformFloatOpen(std::uint32_t bits) {
  return static_cast<float>((bits >> 8) + 1) * 0x1p-24f;
}

}  // namespace cnn

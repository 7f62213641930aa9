// PrimitiveGroup: one piece of work as primitives of oneDNN that run side by side, each on a thread of its own; or a
// single one that shares the work itself.
#pragma once

#include <span>

#include "rectifier.hpp"

namespace cnn::cpu {

class PrimitiveGroup {
 public:
  /// `offsets`: bytes from each pointer to where this member's memory begins.
  void add(Primitive member, std::vector<std::size_t> offsets, Rectifier rectifier = {});
  std::size_t scratchBytes() const;
  void run(std::span<const void* const> pointers, void* scratch) const;

 private:
  struct Member {
    Primitive primitive;
    Rectifier rectifier;
    std::vector<std::size_t> offsets;
    std::size_t scratchAt = 0;
  };
  void runMember(const Member& member, std::span<const void* const> pointers, void* scratch) const;
  std::vector<Member> members_;
};

}  // namespace cnn::cpu

// Pointers for each member.
#include "primitive_group.hpp"

#include <array>

#include "thread_pool.hpp"

namespace cnn::cpu {

namespace { constexpr std::size_t mostPointers = 8; }

void PrimitiveGroup::add(Primitive member, std::vector<std::size_t> offsets, Rectifier rectifier) {
  std::size_t scratchAt = scratchBytes();
  members_.push_back({std::move(member), std::move(rectifier), std::move(offsets), scratchAt});
}

std::size_t PrimitiveGroup::scratchBytes() const {
  return members_.empty() ? 0 : members_.back().scratchAt + aligned(members_.back().primitive.scratchBytes());
}

void PrimitiveGroup::runMember(const Member& member, std::span<const void* const> pointers, void* scratch) const {
  std::array<const void*, mostPointers> shifted{};
  std::size_t count = member.offsets.size();
  for (std::size_t i = 0; i < count; i++) {
    shifted[i] = pointers[i] ? static_cast<const std::byte*>(pointers[i]) + member.offsets[i] : nullptr;
  }
  member.rectifier.run(member.primitive, std::span(shifted).first(count),
                       scratch ? static_cast<std::byte*>(scratch) + member.scratchAt : nullptr);
}

void PrimitiveGroup::run(std::span<const void* const> pointers, void* scratch) const {
  if (members_.size() == 1) return runMember(members_[0], pointers, scratch);
  auto share = [&](int member, int members) {  // a smaller pool does several each
    for (auto i = static_cast<std::size_t>(member); i < members_.size(); i += static_cast<std::size_t>(members)) {
      runMember(members_[i], pointers, scratch);
    }
  };
  if (ThreadPool* pool = ThreadPool::current()) {
    pool->run(static_cast<int>(members_.size()), share);
  } else {
    share(0, 1);
  }
}

}  // namespace cnn::cpu

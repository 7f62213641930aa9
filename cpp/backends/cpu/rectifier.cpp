// Once more where the flag is up.
#include "rectifier.hpp"

#include <algorithm>
#include <new>

#include "rectify.hpp"

namespace cnn::cpu {

Rectifier::Rectifier(Activation activation, DType dtype, std::size_t y, std::size_t bytes,
                     std::function<Primitive()> makeBare)
    : activation_(activation), dtype_(dtype), y_(y), bytes_(bytes) {
  if (!makeBare) return;
  bare_ = std::make_shared<Bare>();
  bare_->make = std::move(makeBare);
}

void Rectifier::run(const Primitive& primitive, std::span<const void* const> pointers, void* scratch) const {
  const bool wasRaised = isInvalidRaised();  // by what ran before: others may still ask
  if (bare_) clearInvalid();
  primitive.run(pointers, scratch);
  const bool isRaised = isInvalidRaised();
  if (wasRaised) raiseInvalid();
  if (activation_ == Activation::identity || (bare_ && !isRaised)) return;
  if (bare_) runBare(*bare_, pointers);
  rectify(activation_, dtype_, const_cast<void*>(pointers[y_]), bytes_);
}

// Its scratch memory is its own: it may need more than the primitive with the post-op.
void Rectifier::runBare(Bare& bare, std::span<const void* const> pointers) {
  std::call_once(bare.once, [&] { bare.primitive = bare.make(); });
  constexpr std::align_val_t alignment{64};
  auto release = [](void* memory) { ::operator delete(memory, alignment); };
  std::unique_ptr<void, decltype(release)> scratch(
      ::operator new(std::max<std::size_t>(bare.primitive.scratchBytes(), 1), alignment), release);
  bare.primitive.run(pointers, scratch.get());
}

}  // namespace cnn::cpu

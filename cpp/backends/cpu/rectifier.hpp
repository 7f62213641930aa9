// ReLU and ReLU6 behind a primitive of oneDNN.
//
// As a post-op oneDNN computes max(x, 0), which makes 0 of NaN; but on x86 such a maximum raises the flag of invalid
// operations. So a primitive has the post-op, and where the flag is up behind it, all is done once more without. Sums
// that were added to what lay in y can't be done twice: there, and on other processors, the activation is a loop of
// ours from the start.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "invalid.hpp"
#include "onednn.hpp"
#include "ops/fused.hpp"

namespace cnn::cpu {

class Rectifier {
 public:
  /// The activation that a primitive should have as a post-op.
  static Activation asPostOp(Activation activation, bool addsToOutput) {
    return invalidTellsOfNaN && !addsToOutput ? activation : Activation::identity;
  }

  /// Runs a primitive as it is.
  Rectifier() = default;
  /// For a primitive that writes `bytes` bytes of `dtype` at the pointer with this number. `makeBare` makes it without
  /// the post-op; none where it has none.
  Rectifier(Activation activation, DType dtype, std::size_t y, std::size_t bytes, std::function<Primitive()> makeBare);

  void run(const Primitive& primitive, std::span<const void* const> pointers, void* scratch) const;

 private:
  struct Bare {
    std::function<Primitive()> make;
    std::once_flag once;
    Primitive primitive;  // made when NaN first comes by
  };
  static void runBare(Bare& bare, std::span<const void* const> pointers);

  Activation activation_ = Activation::identity;
  DType dtype_ = DType::float32;
  std::size_t y_ = 0, bytes_ = 0;
  std::shared_ptr<Bare> bare_;
};

}  // namespace cnn::cpu

// ElementwiseChain: what the compiled path makes of element-wise ops that follow each other, so that memory is swept
// once.
#pragma once

#include <vector>

#include "elementwise.hpp"

namespace cnn {

/// What a link does to the running value v; o is one of the inputs.
///   unary: v = f(v) · binary: v = f(v, o) · swapped: v = f(o, v) · backward: v = v · f'(o), v being dy of
///   UnaryBackward
NAMED_ENUM(LinkKind, unary, binary, swapped, backward);

struct ChainLink {
  LinkKind kind = LinkKind::unary;
  UnaryFunction unary = UnaryFunction::relu;    // of unary and backward, with its parameters
  BinaryFunction binary = BinaryFunction::add;  // of binary and swapped
  double alpha = 0, beta = 0;
  Index input = noInput;  // o: 0 is x, others[i] is i + 1

  static constexpr Index noInput = -1;
  Unary function() const { return {.function = unary, .alpha = alpha, .beta = beta}; }
  UnaryBackward gradient() const { return {.function = unary, .alpha = alpha, .beta = beta}; }
};

/// The links of a chain, in order; a field of its own kind.
class ChainLinks {
 public:
  static constexpr int capacity = 8;

  int size() const { return size_; }
  const ChainLink* begin() const { return links_.data(); }
  const ChainLink* end() const { return links_.data() + size_; }
  const ChainLink& operator[](int i) const { return links_[static_cast<std::size_t>(i)]; }
  void push(const ChainLink& link) { links_[static_cast<std::size_t>(size_++)] = link; }

 private:
  std::array<ChainLink, capacity> links_{};
  int size_ = 0;
};

/// v starts as x and goes through the links; y is v at the end. x has the shape of y; the others broadcast to it, but
/// that of a `backward` link is like x. In half types y is rounded once, where the ops one by one round after each: it
/// is the more exact. It has no gradient: fusing comes after the backward pass was recorded.
struct ElementwiseChain : OpBase<ElementwiseChain> {
  static constexpr std::string_view name = "elementwiseChain", inputs = "x others...";
  static constexpr Traits traits{Precision::given, Samples::broadcast, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::missing;
  ChainLinks links;
  FIELDS(ElementwiseChain, links)
  /// x, and what the links read, in their order.
  std::vector<int> inputsRead() const {
    std::vector<int> read = {0};
    for (const ChainLink& link : links) {
      if (link.input > 0) read.push_back(static_cast<int>(link.input));
    }
    return read;
  }
};

}  // namespace cnn

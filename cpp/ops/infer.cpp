// infer of any op: checks what the words of `inputs` promise, then asks the op's own rule.
#include "infer.hpp"

#include "base/error.hpp"
#include "words.hpp"

namespace cnn {

namespace {

/// A bit for each input that must be there.
template <class Op>
constexpr unsigned requiredInputs() {
  unsigned bits = 0;
  forEachWord(Op::inputs, [&](Word word, int i) { bits |= word.isOptional ? 0u : 1u << i; });
  return bits;
}

template <class Op>
void checkInputs(const Op&, Inputs inputs) {
  constexpr std::size_t count = countWords(Op::inputs);
  if constexpr (hasList(Op::inputs)) {
    for (const TensorDesc& x : inputs) {
      if (!x.defined) fail(ErrorKind::value, Op::name, ": an entry of a list of tensors is missing");
    }
  } else {
    constexpr unsigned required = requiredInputs<Op>();
    if (inputs.size() != count) {
      fail(ErrorKind::value, Op::name, ": got ", inputs.size(), " tensors, expected ", count, " (", Op::inputs, ")");
    }
    for (std::size_t i = 0; i < count; i++) {
      if (inputs[i].defined || !(required >> i & 1u)) continue;
      std::string_view words = Op::inputs;
      for (std::size_t j = 0; j < i; j++) takeWord(words);
      fail(ErrorKind::value, Op::name, ": ", takeWord(words).name, " is missing");
    }
  }
}

}  // namespace

Descs infer(const Op& op, Inputs inputs) {
  return std::visit(
      [&](const auto& each) {
        checkInputs(each, inputs);
        return infer(each, inputs);
      },
      op);
}

}  // namespace cnn

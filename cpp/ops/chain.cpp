// The shape rule of chains: that of each link, with x in place of the running value.
#include "check.hpp"

namespace cnn {

namespace {

constexpr check::Name op = ElementwiseChain::name;

/// What a link reads beside the running value.
const TensorDesc& inputOf(const ChainLink& link, Inputs inputs) {
  check::inRange(op, "input", link.input, 0, static_cast<Index>(inputs.size()) - 1);
  return inputs[static_cast<std::size_t>(link.input)];
}

void checkUnary(const ChainLink& link, const TensorDesc& x) {
  if (givesBool(link.unary)) {
    fail(ErrorKind::value, op, ": function is ", enumName(link.unary), ", expected one that keeps the type of x");
  }
  infer(link.function(), {&x, 1});
}

void checkBinary(const ChainLink& link, const TensorDesc& x, const TensorDesc& other) {
  if (isComparison(link.binary))
    fail(ErrorKind::value, op, ": function is ", enumName(link.binary), ", expected one that keeps the type of x");
  check::sameType(op, "other", other, "x", x);
  if (check::broadcast(op, "x", x, "other", other) != x.shape) {
    fail(ErrorKind::shape, op, ": other is ", toString(other), ", expected a shape that broadcasts to that of x, ",
         toString(x));
  }
}

void checkBackward(const ChainLink& link, const TensorDesc& x, Inputs inputs) {
  const TensorDesc parts[] = {x, link.input == ChainLink::noInput ? TensorDesc() : inputOf(link, inputs)};
  infer(link.gradient(), parts);
}

}  // namespace

Descs infer(const ElementwiseChain& chain, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  check::isFloat(op, "x", x);
  if (chain.links.size() == 0) fail(ErrorKind::value, op, ": links is empty, expected at least one");
  for (const ChainLink& link : chain.links) {
    switch (link.kind) {
      case LinkKind::unary: checkUnary(link, x); break;
      case LinkKind::binary:
      case LinkKind::swapped: checkBinary(link, x, inputOf(link, inputs)); break;
      case LinkKind::backward: checkBackward(link, x, inputs); break;
    }
  }
  for (Index i = 1; i < static_cast<Index>(inputs.size()); i++) {
    bool isRead =
        std::any_of(chain.links.begin(), chain.links.end(), [&](const ChainLink& link) { return link.input == i; });
    if (!isRead) fail(ErrorKind::value, op, ": others[", i - 1, "] is read by no link");
  }
  return {check::checkedShape(op, x.dtype, x.shape)};
}

}  // namespace cnn

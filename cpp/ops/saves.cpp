// What the gradient of one very op needs.
#include "saves.hpp"

namespace cnn {

namespace {

template <class O>
std::string_view saves(const O&) {
  return O::saves;
}

std::string_view saves(const Unary& unary) {
  if (gradientFromNothing(unary.function) || isLocallyConstant(unary.function)) return "";
  return gradientFromOutput(unary.function) ? "y" : "x";
}

std::string_view saves(const UnaryBackward& unary) { return isPiecewiseLinear(unary.function) ? "v" : "dy v"; }

std::string_view saves(const Binary& binary) {
  switch (binary.function) {
    case BinaryFunction::div: return "b y";
    case BinaryFunction::pow: return "a b y";
    case BinaryFunction::mul:
    case BinaryFunction::maximum:
    case BinaryFunction::minimum: return "a b";
    default: return "";
  }
}

std::string_view saves(const Reduce& reduce) {
  switch (reduce.function) {
    case ReduceFunction::max:
    case ReduceFunction::min: return "x y";
    case ReduceFunction::prod: return "x";
    default: return "";
  }
}

std::string_view saves(const Variance& variance) { return variance.root ? "x y mean" : "x mean"; }

template <class O>
Gradient gradient(const O&) {
  return O::gradient;
}

// floor, ceil, round and sign have a gradient that is 0; bools have none.
Gradient gradient(const Unary& unary) {
  bool givesBool = unary.function == UnaryFunction::isnan || unary.function == UnaryFunction::logicalNot;
  return givesBool ? Gradient::zero : Gradient::rule;
}
Gradient gradient(const Binary& binary) { return isComparison(binary.function) ? Gradient::zero : Gradient::rule; }
// Between integers nothing flows; from float to float the gradient is cast back.
Gradient gradient(const Cast& cast) { return isFloat(cast.dtype) ? Gradient::rule : Gradient::zero; }

}  // namespace

std::string_view savesOf(const Op& op) {
  return std::visit([](const auto& each) { return saves(each); }, op);
}

Gradient gradientOf(const Op& op) {
  return std::visit([](const auto& each) { return gradient(each); }, op);
}

}  // namespace cnn

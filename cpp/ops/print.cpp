// Ops as text: names and values of the static fields, whatever they are.
#include "print.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/error.hpp"
#include "names.hpp"

namespace cnn {

namespace {

/// A list of this many tensors is printed in full; of a longer one the beginning.
constexpr int longestList = 8;

void append(std::string& out, Index value) { out += std::to_string(value); }
void append(std::string& out, bool value) { out += value ? "true" : "false"; }
void append(std::string& out, const Dims& value) { out += toString(value); }
void append(std::string& out, DType value) { out += toString(value); }
void append(std::string& out, double value) {  // the shortest text that reads back as the same number
  char digits[32];
  auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  out.append(digits, end);
}
template <class Enum>
  requires std::is_enum_v<Enum>
void append(std::string& out, Enum value) {
  out += enumName(value);
}

// "x" or "others[0]"
void appendInput(std::string& out, Index input) {
  out += input == 0 ? "x" : "others[" + std::to_string(input - 1) + "]";
}

// What follows the value so far: "sqrt", "affine 2 1", "sub x", "others[0] sub v", "gelu' at others[0]".
void append(std::string& out, const ChainLink& link) {
  bool hasFunction = link.kind == LinkKind::unary || link.kind == LinkKind::backward;
  if (link.kind == LinkKind::swapped) {
    appendInput(out, link.input);
    out += ' ';
  }
  out += hasFunction ? enumName(link.unary) : enumName(link.binary);
  if (link.kind == LinkKind::backward) out += '\'';
  if (hasFunction && (link.alpha != 0 || link.beta != 0)) {
    for (double parameter : {link.alpha, link.beta}) {
      out += ' ';
      append(out, parameter);
    }
  }
  if (link.kind == LinkKind::swapped) out += " v";
  if (link.kind == LinkKind::binary || link.kind == LinkKind::backward) {
    if (link.input == ChainLink::noInput) return;
    out += link.kind == LinkKind::binary ? " " : " at ";
    appendInput(out, link.input);
  }
}
void append(std::string& out, const ChainLinks& links) {
  out += '[';
  for (const ChainLink& link : links) {
    if (&link != links.begin()) out += ", ";
    append(out, link);
  }
  out += ']';
}

void separate(std::string& out) {
  if (out.back() != '(') out += ", ";
}

template <class O>
void appendInputs(std::string& out, const O& op, Inputs inputs) {
  const int count = static_cast<int>(inputs.size());
  for (int i = 0; i < count; i++) {
    const TensorDesc& x = inputs[static_cast<std::size_t>(i)];
    if (!x.defined) continue;
    separate(out);
    if (hasList(O::inputs) && i == longestList) {
      out += "and " + std::to_string(count - i) + " more";
      return;
    }
    out += inputName(op, i, count);
    out += ' ';
    out += toString(x);
  }
}

}  // namespace

std::string describe(const Op& op, Inputs inputs) {
  return std::visit(
      [&](const auto& each) {
        std::string out(each.name);
        out += '(';
        appendInputs(out, each, inputs);
        auto appendField = [&](const auto& field) {
          separate(out);
          out += field.name;
          out += '=';
          append(out, each.*field.member);
        };
        std::apply([&](const auto&... fields) { (appendField(fields), ...); }, each.fields());
        out += ')';
        return out;
      },
      op);
}

std::string describe(const Op& op) { return describe(op, {}); }

std::string kindOf(const Op& op, Inputs inputs) {
  std::string out(nameOf(op));
  if (calledName(op) != out) out += text(" ", calledName(op));
  std::vector<DType> types;
  for (const TensorDesc& desc : inputs) {
    if (desc.defined && std::find(types.begin(), types.end(), desc.dtype) == types.end()) types.push_back(desc.dtype);
  }
  for (DType type : types) out += text(" ", type);
  return out;
}

}  // namespace cnn

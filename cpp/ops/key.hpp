// keyOf: an op as a short string of bytes, equal exactly where op and static fields are equal. It is made at every
// call, so nothing is formatted: small numbers take one byte.
#pragma once

#include <cstring>
#include <string>

#include "op.hpp"

namespace cnn {

namespace detail {

inline void appendBytes(std::string& key, const void* bytes, std::size_t count) {
  key.append(static_cast<const char*>(bytes), count);
}

inline void appendKey(std::string& key, Index value) {
  if (value >= 0 && value < 255) {
    key.push_back(static_cast<char>(value));
  } else {
    key.push_back(static_cast<char>(255));
    appendBytes(key, &value, sizeof value);
  }
}
inline void appendKey(std::string& key, double value) { appendBytes(key, &value, sizeof value); }
inline void appendKey(std::string& key, bool value) { key.push_back(value ? 1 : 0); }
inline void appendKey(std::string& key, const Dims& dims) {
  key.push_back(static_cast<char>(dims.size()));
  for (Index value : dims) appendKey(key, value);
}
template <class Enum>
  requires std::is_enum_v<Enum>
void appendKey(std::string& key, Enum value) {
  key.push_back(static_cast<char>(value));
}
inline void appendKey(std::string& key, const ChainLinks& links) {
  key.push_back(static_cast<char>(links.size()));
  for (const ChainLink& link : links) {
    appendKey(key, link.kind);
    appendKey(key, link.unary);
    appendKey(key, link.binary);
    appendKey(key, link.alpha);
    appendKey(key, link.beta);
    appendKey(key, link.input);
  }
}

}  // namespace detail

inline std::string keyOf(const Op& op) {
  static_assert(std::variant_size_v<Op> <= 256);
  std::string key;
  key.reserve(48);
  key.push_back(static_cast<char>(op.index()));
  std::visit(
      [&](const auto& each) {
        std::apply([&](const auto&... fields) { (detail::appendKey(key, each.*fields.member), ...); }, each.fields());
      },
      op);
  return key;
}

}  // namespace cnn

// Dims: a short list of integers held in place (shapes, strides, axes, paddings); it must not know what they mean.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>

namespace cnn {

using Index = std::int64_t;

/// Largest rank of a tensor.
inline constexpr int maxRank = 8;

class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<Index> values) {
    for (Index value : values) push(value);
  }
  explicit Dims(std::span<const Index> values) {
    for (Index value : values) push(value);
  }
  /// `size` copies of `value`.
  static Dims filled(int size, Index value) {
    Dims dims;
    for (int i = 0; i < size; i++) dims.push(value);
    return dims;
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Index& operator[](int i) { return values_[static_cast<std::size_t>(i)]; }
  Index operator[](int i) const { return values_[static_cast<std::size_t>(i)]; }
  Index& back() { return (*this)[size_ - 1]; }
  Index back() const { return (*this)[size_ - 1]; }
  Index* begin() { return values_.data(); }
  Index* end() { return values_.data() + size_; }
  const Index* begin() const { return values_.data(); }
  const Index* end() const { return values_.data() + size_; }

  void push(Index value) {
    if (size_ == maxRank) throw std::length_error("a tensor has at most 8 dimensions");
    values_[static_cast<std::size_t>(size_++)] = value;
  }
  void insert(int at, Index value) {
    push(0);
    for (int i = size_ - 1; i > at; i--) (*this)[i] = (*this)[i - 1];
    (*this)[at] = value;
  }
  void erase(int at) {
    for (int i = at; i + 1 < size_; i++) (*this)[i] = (*this)[i + 1];
    size_--;
  }
  /// The part [from, to).
  Dims slice(int from, int to) const {
    Dims dims;
    for (int i = from; i < to; i++) dims.push((*this)[i]);
    return dims;
  }
  Dims slice(int from) const { return slice(from, size_); }
  bool contains(Index value) const { return std::find(begin(), end(), value) != end(); }
  /// The product of all values: for a shape, the number of elements (1 for a scalar).
  Index product() const {
    Index result = 1;
    for (Index value : *this) result *= value;
    return result;
  }

  friend bool operator==(const Dims& a, const Dims& b) {
    return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  std::array<Index, maxRank> values_{};
  int size_ = 0;
};

/// Row-major strides of a shape, in elements.
inline Dims stridesOf(const Dims& shape) {
  Dims strides = Dims::filled(shape.size(), 1);
  for (int i = shape.size() - 2; i >= 0; i--) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

/// `[2, 3, 4]`
inline std::string toString(const Dims& dims) {
  std::string text = "[";
  for (int i = 0; i < dims.size(); i++) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}

}  // namespace cnn

// TensorDesc: what is known of a tensor without looking at its memory: type, logical shape, physical layout.
#pragma once

#include <string>
#include <vector>

#include "dims.hpp"
#include "dtype.hpp"

namespace cnn {

/// How a backend orders a tensor's elements in memory. 0 is plain (row-major, the order JavaScript sees);
/// every other number belongs to the backend that returned it.
struct Layout {
  std::uint32_t id = 0;
  bool isPlain() const { return id == 0; }
  friend bool operator==(Layout, Layout) = default;
};

struct TensorDesc {
  DType dtype = DType::float32;
  Dims shape;
  Layout layout;
  bool defined = false;  // false for an optional input that was not given

  TensorDesc() = default;
  TensorDesc(DType dtype, Dims shape, Layout layout = {}) : dtype(dtype), shape(shape), layout(layout), defined(true) {}

  int rank() const { return shape.size(); }
  Index elements() const { return shape.product(); }
  /// Bytes in the plain layout.
  std::size_t plainBytes() const { return static_cast<std::size_t>(elements()) * sizeOf(dtype); }
  friend bool operator==(const TensorDesc&, const TensorDesc&) = default;
};

using Descs = std::vector<TensorDesc>;

/// `float32[2, 3]`
inline std::string toString(const TensorDesc& desc) {
  return desc.defined ? std::string(toString(desc.dtype)) + toString(desc.shape) : std::string("none");
}

}  // namespace cnn

// Products of matrices by oneDNN's matmul primitive, which keeps its scratch memory in ours and adds the bias in
// registers.
#pragma once

#include "onednn.hpp"

namespace cnn::cpu {

/// A matrix [rows, columns]; `isTransposed`: it lies as [columns, rows].
struct Factor {
  Index rows, columns;
  bool isTransposed = false;
};

struct ProductOptions {
  DType dtype = DType::float32;
  bool hasBias = false;  // one number a column
  Index batch = 1;       // of both factors, one behind the other
  bool ordersB = false;  // b lies as oneDNN likes it best
};

struct Product {
  std::shared_ptr<Primitive> primitive;  // its arguments: a, b, y, bias
  std::optional<Format> orderOfB;        // where asked for: of b as [rows, columns]
};

/// y = a·b + bias. Nothing where oneDNN has no code for this processor: bfloat16 would be widened, and of float32 our
/// own call of its sgemm is as good.
std::optional<Product> makeProduct(const Engine& engine, const Factor& a, const Factor& b,
                                   const ProductOptions& options);

}  // namespace cnn::cpu

// Making matmul primitives.
#include "product.hpp"

#include "parallel.hpp"

namespace cnn::cpu {

namespace {

MemoryDesc descOf(const Factor& factor, const ProductOptions& options) {
  DnnlDims dims{factor.rows, factor.columns},
      strides{factor.isTransposed ? 1 : factor.columns, factor.isTransposed ? factor.rows : 1};
  if (options.batch > 1) {
    dims.insert(dims.begin(), options.batch);
    strides.insert(strides.begin(), factor.rows * factor.columns);
  }
  return MemoryDesc(dims, dataType(options.dtype), strides);
}

// With AVX2 (since oneDNN 3.x) packing b at each run takes as long as the product again: 0.118 ms for [64, 400] by
// [400, 120], where sgemm takes 0.067.
bool isFast(const dnnl::matmul::primitive_desc& desc, const ProductOptions& options) {
  if (!desc) return false;
  if (options.dtype != DType::float32) return computesInHalf(desc);
  const std::string name = implementation(desc);
  return name.starts_with("brg") && (options.ordersB || name.find("avx2") == std::string::npos);
}

}  // namespace

std::optional<Product> makeProduct(const Engine& engine, const Factor& a, const Factor& b,
                                   const ProductOptions& options) {
  const auto work = static_cast<double>(options.batch * a.rows * a.columns) * static_cast<double>(b.columns);
  const int threads = engine.threadsFor(work);
  ThreadScope scope(threads);
  const MemoryDesc x = descOf(a, options), y = descOf({a.rows, b.columns}, options),
                   bias = options.hasBias ? plainDesc({1, b.columns}, options.dtype) : MemoryDesc();
  const MemoryDesc weight = options.ordersB ? anyDesc({b.rows, b.columns}, options.dtype) : descOf(b, options);
  const auto chosen = describeProduct(engine.dnnl, x, weight, bias, y, userScratchpad());
  if (!isFast(chosen, options)) return std::nullopt;
  std::vector<Primitive::Argument> arguments = {
      {DNNL_ARG_SRC, chosen.src_desc()}, {DNNL_ARG_WEIGHTS, chosen.weights_desc()}, {DNNL_ARG_DST, chosen.dst_desc()}};
  if (options.hasBias) arguments.push_back({DNNL_ARG_BIAS, bias});
  Product product{.primitive = std::make_shared<Primitive>(engine, chosen, arguments, threads)};
  if (options.ordersB) {
    product.orderOfB = formatOf(chosen.weights_desc());
    if (!product.orderOfB) return std::nullopt;
  }
  return product;
}

}  // namespace cnn::cpu

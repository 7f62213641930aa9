// Making matmul primitives.
#include "product.hpp"

#include "parallel.hpp"

namespace cnn::cpu {

namespace {

MemoryDesc descOf(const Factor& factor, const ProductOptions& options) {
  DnnlDims dims{factor.rows, factor.columns}, strides{factor.isTransposed ? 1 : factor.columns, factor.isTransposed ? factor.rows : 1};
  if (options.batch > 1) {
    dims.insert(dims.begin(), options.batch);
    strides.insert(strides.begin(), factor.rows * factor.columns);
  }
  return MemoryDesc(dims, dataType(options.dtype), strides);
}

bool isFast(const dnnl::matmul::primitive_desc& desc, DType dtype) {
  if (!desc) return false;
  return dtype == DType::float32 ? implementation(desc).starts_with("brg") : computesInHalf(desc);
}

}  // namespace

std::optional<Product> makeProduct(const Engine& engine, const Factor& a, const Factor& b, const ProductOptions& options) {
  const auto work = static_cast<double>(options.batch * a.rows * a.columns) * static_cast<double>(b.columns);
  const int threads = engine.threadsFor(work);
  ThreadScope scope(threads);
  const MemoryDesc x = descOf(a, options), y = descOf({a.rows, b.columns}, options), bias = options.hasBias ? plainDesc({1, b.columns}, options.dtype) : MemoryDesc();
  const MemoryDesc weight = options.ordersB ? anyDesc({b.rows, b.columns}, options.dtype) : descOf(b, options);
  const auto chosen = describeProduct(engine.dnnl, x, weight, bias, y, userScratchpad());
  if (!isFast(chosen, options.dtype)) return std::nullopt;
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

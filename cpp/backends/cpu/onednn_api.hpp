// All that differs between the APIs of oneDNN 2.6 and 2.7 and of 3.x: memory descs and formats, and how primitives are
// described. Nothing else names a version.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

#include "layout.hpp"

namespace cnn::cpu {

using MemoryDesc = dnnl::memory::desc;
using DnnlDims = dnnl::memory::dims;

dnnl::memory::data_type dataType(const MemoryDesc& desc);
/// The order in memory that `desc` describes, or nothing where it is none of blocks.
std::optional<Format> formatOf(const MemoryDesc& desc);
/// A tensor of this shape in this order, or nothing where the API has no such desc: 3.x makes strides, and the blocks
/// that have a tag.
std::optional<MemoryDesc> descOf(const Format& format, const Dims& shape, dnnl::memory::data_type type);

struct ConvWindow {
  const DnnlDims &stride, &dilation, &low, &high;
};

// Each is empty where oneDNN has no implementation. An empty desc of a bias: there is none.
dnnl::convolution_forward::primitive_desc describeForward(const dnnl::engine& engine, const MemoryDesc& x,
                                                          const MemoryDesc& weight, const MemoryDesc& bias,
                                                          const MemoryDesc& y, const ConvWindow& window,
                                                          const dnnl::primitive_attr& attributes);
dnnl::convolution_backward_data::primitive_desc describeBackwardData(
    const dnnl::engine& engine, const MemoryDesc& dx, const MemoryDesc& weight, const MemoryDesc& dy,
    const ConvWindow& window, const dnnl::primitive_attr& attributes,
    const dnnl::convolution_forward::primitive_desc& forward);
dnnl::convolution_backward_weights::primitive_desc describeBackwardWeight(
    const dnnl::engine& engine, const MemoryDesc& x, const MemoryDesc& dw, const MemoryDesc& dbias,
    const MemoryDesc& dy, const ConvWindow& window, const dnnl::primitive_attr& attributes,
    const dnnl::convolution_forward::primitive_desc& forward);
dnnl::matmul::primitive_desc describeProduct(const dnnl::engine& engine, const MemoryDesc& a, const MemoryDesc& b,
                                             const MemoryDesc& bias, const MemoryDesc& y,
                                             const dnnl::primitive_attr& attributes);

void appendEltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta);

}  // namespace cnn::cpu

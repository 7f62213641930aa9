// Convolution and its gradients by oneDNN, in the layouts that it likes best.
#include <algorithm>

#include "base/error.hpp"
#include "conv_direct.hpp"
#include "conv_few_inputs.hpp"
#include "conv_kernel.hpp"
#include "conv_own.hpp"
#include "conv_winograd.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

Layout layoutOf(Engine& engine, const MemoryDesc& desc, const Dims& shape) {
  auto format = formatOf(desc);
  if (!format) fail(ErrorKind::backend, "oneDNN chose an activation layout of an unknown kind");
  return engine.layouts.intern(*format, shape);
}

bool isFast(const std::string& implementation) {
  return implementation.starts_with("jit") || implementation.starts_with("brg");
}

// Whether the primitive is worth having: bfloat16 only where the processor multiplies it itself, else float32 is faster.
template <class Desc>
bool isWanted(const Desc& desc, DType dtype) {
  return desc && (dtype == DType::float32 || computesInHalf(desc));
}

// Makes a primitive desc with the activations as they lie, or in the layouts that oneDNN likes best where that is another
// implementation. `make(a, b)` gets the descs of both activations and returns an empty desc where oneDNN has nothing.
template <class Make>
auto choose(const std::optional<MemoryDesc>& a, const std::optional<MemoryDesc>& b, const MemoryDesc& anyA, const MemoryDesc& anyB, Make make) {
  auto best = make(anyA, anyB);
  if (!best || !a || !b) return best;
  auto given = make(*a, *b);
  if (given && isFast(implementation(given)) && implementation(given) == implementation(best)) return given;
  return best;
}

// What a primitive does to its sums before it writes them: they are added to what lies in y, then the activation is applied.
dnnl::primitive_attr finishing(Activation activation, bool addsToOutput) {
  dnnl::primitive_attr attributes = userScratchpad();
  dnnl::post_ops ops;
  if (addsToOutput) ops.append_sum(1.0f);
  if (activation == Activation::relu) appendEltwise(ops, dnnl::algorithm::eltwise_relu, 0, 0);
  if (activation == Activation::relu6) appendEltwise(ops, dnnl::algorithm::eltwise_clip, 0, 6);
  attributes.set_post_ops(ops);
  return attributes;
}

Window windowOf(const Geometry& g) { return {g.stride, g.dilation, g.low, g.high}; }

auto makeForward(const Engine& engine, const Geometry& g, std::optional<DType> bias, const MemoryDesc& x, const MemoryDesc& weight, const MemoryDesc& y,
                 const dnnl::primitive_attr& attributes) {
  return describeForward(engine.dnnl, x, weight, bias ? plainDesc(g.bias, *bias) : MemoryDesc(), y, windowOf(g), attributes);
}

// Of weights in the order that oneDNN likes best.
auto makeForward(const Engine& engine, const Geometry& g, std::optional<DType> bias, const MemoryDesc& x, const MemoryDesc& y,
                 const dnnl::primitive_attr& attributes = userScratchpad()) {
  return makeForward(engine, g, bias, x, anyDesc(g.weight, g.dtype), y, attributes);
}

// Inputs: x weight bias? residual?
template <class AnyConv>
KernelPtr prepareForward(const AnyConv& op, const Signature& signature, Engine& engine, Activation activation) {
  if (!isConvolved(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &weight = signature.inputs[1], &y = signature.outputs[0];
  bool hasBias = signature.inputs[2].defined, hasResidual = signature.inputs.size() > 3 && signature.inputs[3].defined;
  Geometry g(op, x.shape, weight.shape, y.shape, x.dtype);
  int threads = engine.threadsFor(g.work());
  ThreadScope scope(threads);

  using Forward = dnnl::convolution_forward;
  const Activation postOp = Rectifier::asPostOp(activation, hasResidual);
  dnnl::primitive_attr attributes = finishing(postOp, hasResidual);
  std::optional<DType> bias = hasBias ? std::optional(signature.inputs[2].dtype) : std::nullopt;
  auto describe = [&](const Geometry& part, const MemoryDesc& xDesc, const MemoryDesc& yDesc) {
    return makeForward(engine, part, bias, xDesc, yDesc, attributes);
  };
  const std::optional<MemoryDesc> given = hasResidual ? memoryDesc(engine, signature.inputs[3]) : anyDesc(y.shape, g.dtype);
  auto desc = choose(memoryDesc(engine, x), given, anyDesc(x.shape, g.dtype), anyDesc(y.shape, g.dtype), [&](const MemoryDesc& xDesc, const MemoryDesc& yDesc) {
    return describe(g, xDesc, yDesc);
  });
  if (!isWanted(desc, g.dtype)) return nullptr;
  Layout xLayout = layoutOf(engine, desc.src_desc(), x.shape), yLayout = layoutOf(engine, desc.dst_desc(), y.shape);
  auto argumentsOf = [hasBias](const Forward::primitive_desc& desc) {
    std::vector<Primitive::Argument> arguments = {
        {DNNL_ARG_SRC, desc.src_desc()}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}, {DNNL_ARG_DST, desc.dst_desc()}};
    if (hasBias) arguments.push_back({DNNL_ARG_BIAS, desc.bias_desc()});
    return arguments;
  };
  DirectMaker<Forward> maker(engine, Direction::forward, g, weight.shape, xLayout, yLayout, threads, {.x = 0, .weight = 1, .y = 2, .bias = hasBias ? 3 : -1}, describe, argumentsOf);
  if (activation != Activation::identity) {
    auto withoutPostOp = [&engine, bias](const Geometry& part, const MemoryDesc& x, const MemoryDesc& weight, const MemoryDesc& y) {
      return makeForward(engine, part, bias, x, weight, y, userScratchpad());
    };
    maker.rectify(activation, postOp == activation ? withoutPostOp : DirectMaker<Forward>::DescribeBare());
  }
  ConvCase winograd{engine, signature, g, xLayout, yLayout, threads, hasBias};
  std::optional<Choice> choice =
      fastestOf(engine, Direction::forward, g, threads, signature, maker.make(desc), winogradForward(winograd, hasResidual, activation));
  if (!choice) return nullptr;

  return forwardKernel(signature, engine, *choice, xLayout, yLayout, desc.dst_desc().get_size());
}

}  // namespace

KernelPtr prepare(const Conv& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return prepareOwn(op, signature, engine);
  return prepareForward(op, signature, engine, Activation::identity);
}

KernelPtr prepare(const ConvActivation& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return prepareOwn(op, signature, engine);
  return prepareForward(op, signature, engine, op.activation);
}

KernelPtr prepare(const ConvBackwardData& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return prepareOwn(op, signature, engine);
  using Backward = dnnl::convolution_backward_data;
  if (!isConvolved(signature)) return nullptr;
  const TensorDesc &dy = signature.inputs[0], &weight = signature.inputs[1], &dx = signature.outputs[0];
  bool hasBias = signature.inputs[2].defined;
  Geometry g(op, dx.shape, weight.shape, dy.shape, dy.dtype);
  int threads = engine.threadsFor(g.work());
  ThreadScope scope(threads);

  auto describe = [&](const Geometry& part, const MemoryDesc& dxDesc, const MemoryDesc& dyDesc) {
    auto forward = makeForward(engine, part, std::nullopt, dxDesc, dyDesc);
    if (!forward) return Backward::primitive_desc();
    return describeBackwardData(engine.dnnl, dxDesc, anyDesc(part.weight, part.dtype), dyDesc, windowOf(part), userScratchpad(), forward);
  };
  auto desc = choose(memoryDesc(engine, dy), anyDesc(dx.shape, g.dtype), anyDesc(dy.shape, g.dtype), anyDesc(dx.shape, g.dtype),
                     [&](const MemoryDesc& dyDesc, const MemoryDesc& dxDesc) { return describe(g, dxDesc, dyDesc); });
  if (!isWanted(desc, g.dtype)) return nullptr;
  TensorDesc result(dx.dtype, dx.shape, layoutOf(engine, desc.diff_src_desc(), dx.shape));
  if (hasBias && !engine.view(result)) return nullptr;
  Layout dyLayout = layoutOf(engine, desc.diff_dst_desc(), dy.shape);
  auto argumentsOf = [](const Backward::primitive_desc& desc) {
    return std::vector<Primitive::Argument>{
        {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}, {DNNL_ARG_DIFF_SRC, desc.diff_src_desc()}};
  };
  DirectMaker<Backward> maker(engine, Direction::backwardData, g, weight.shape, result.layout, dyLayout, threads,
                        {.x = 2, .weight = 1, .y = 0, .bias = -1}, describe, argumentsOf);
  std::optional<Choice> choice = fastestOf(engine, Direction::backwardData, g, threads, signature, maker.make(desc),
                                          winogradBackwardData({engine, signature, g, result.layout, dyLayout, threads, false}));
  if (!choice) return nullptr;

  return backwardDataKernel(signature, engine, *choice, dyLayout, result.layout);
}

KernelPtr prepare(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return prepareOwn(op, signature, engine);
  using Backward = dnnl::convolution_backward_weights;
  if (!isConvolved(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &dy = signature.inputs[1], &dw = signature.outputs[0];
  bool hasBias = op.bias;
  Geometry g(op, x.shape, dw.shape, dy.shape, x.dtype);
  if (KernelPtr kernel = prepareFewInputs(op, g, signature, engine)) return kernel;
  int threads = engine.threadsFor(g.work());
  ThreadScope scope(threads);

  auto describe = [&](const Geometry& part, const MemoryDesc& xDesc, const MemoryDesc& dyDesc) {
    auto forward = makeForward(engine, part, hasBias ? std::optional(g.dtype) : std::nullopt, xDesc, dyDesc);
    if (!forward) return Backward::primitive_desc();
    const MemoryDesc bias = hasBias ? plainDesc(part.bias, part.dtype) : MemoryDesc();
    return describeBackwardWeight(engine.dnnl, xDesc, anyDesc(part.weight, part.dtype), bias, dyDesc, windowOf(part), userScratchpad(), forward);
  };
  auto desc = choose(memoryDesc(engine, x), memoryDesc(engine, dy), anyDesc(x.shape, g.dtype), anyDesc(dy.shape, g.dtype),
                     [&](const MemoryDesc& xDesc, const MemoryDesc& dyDesc) { return describe(g, xDesc, dyDesc); });
  if (!isWanted(desc, g.dtype)) return nullptr;
  Layout xLayout = layoutOf(engine, desc.src_desc(), x.shape), dyLayout = layoutOf(engine, desc.diff_dst_desc(), dy.shape);
  auto argumentsOf = [hasBias](const Backward::primitive_desc& desc) {
    std::vector<Primitive::Argument> arguments = {{DNNL_ARG_SRC, desc.src_desc()},
                                                  {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
                                                  {DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc()}};
    if (hasBias) arguments.push_back({DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc()});
    return arguments;
  };
  DirectMaker<Backward> maker(engine, Direction::backwardWeight, g, dw.shape, xLayout, dyLayout, threads,
                        {.x = 0, .weight = 2, .y = 1, .bias = hasBias ? 3 : -1}, describe, argumentsOf);
  std::optional<Choice> choice = fastestOf(engine, Direction::backwardWeight, g, threads, signature, maker.make(desc),
                                          winogradBackwardWeight({engine, signature, g, xLayout, dyLayout, threads, hasBias}));
  if (!choice) return nullptr;

  return backwardWeightKernel(signature, *choice, xLayout, dyLayout);
}

}  // namespace cnn::cpu

// Convolution and its gradients by oneDNN, in the layouts that it likes best. What it declines own kernels compute:
// oneDNN 3.12 has none for one element.
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

// Whether the primitive is worth having: bfloat16 only where the processor multiplies it itself, else float32 is
// faster.
template <class Desc>
bool isWanted(const Desc& desc, DType dtype) {
  return desc && (dtype == DType::float32 || computesInHalf(desc));
}

// Makes a primitive desc with the activations as they lie, or in the layouts that oneDNN likes best where that is
// another implementation. `make(a, b)` gets the descs of both activations and returns an empty desc where oneDNN has
// nothing.
template <class Make>
auto choose(const std::optional<MemoryDesc>& a, const std::optional<MemoryDesc>& b, const MemoryDesc& anyA,
            const MemoryDesc& anyB, Make make) {
  auto best = make(anyA, anyB);
  if (!best || !a || !b) return best;
  auto given = make(*a, *b);
  if (given && isFast(implementation(given)) && implementation(given) == implementation(best)) return given;
  return best;
}

// What a primitive does to its sums before it writes them: they are added to what lies in y, then the activation is
// applied.
dnnl::primitive_attr finishing(Activation activation, bool addsToOutput) {
  dnnl::primitive_attr attributes = userScratchpad();
  dnnl::post_ops ops;
  if (addsToOutput) ops.append_sum(1.0f);
  if (activation == Activation::relu) appendEltwise(ops, dnnl::algorithm::eltwise_relu, 0, 0);
  if (activation == Activation::relu6) appendEltwise(ops, dnnl::algorithm::eltwise_clip, 0, 6);
  attributes.set_post_ops(ops);
  return attributes;
}

ConvWindow windowOf(const Geometry& g) { return {g.stride, g.dilation, g.low, g.high}; }

auto makeForward(const Engine& engine, const Geometry& g, std::optional<DType> bias, const MemoryDesc& x,
                 const MemoryDesc& weight, const MemoryDesc& y, const dnnl::primitive_attr& attributes) {
  return describeForward(engine.dnnl, x, weight, bias ? plainDesc(g.bias, *bias) : MemoryDesc(), y, windowOf(g),
                         attributes);
}

// Of weights in the order that oneDNN likes best.
auto makeForward(const Engine& engine, const Geometry& g, std::optional<DType> bias, const MemoryDesc& x,
                 const MemoryDesc& y, const dnnl::primitive_attr& attributes = userScratchpad()) {
  return makeForward(engine, g, bias, x, anyDesc(g.weight, g.dtype), y, attributes);
}

// What was chosen for a convolution, or a gradient of it.
template <class AnyConv>
struct Plan {
  typename AnyConv::primitive_desc direct;
  Layout x, y;
  Choice choice;
};

// The layouts that oneDNN likes best, or those in which the activations lie as `x` and `y`, and the fastest way to
// compute it in them; `others(conv)` are ways beside oneDNN's. Nothing where oneDNN has none.
template <class AnyConv, class Others>
std::optional<Plan<AnyConv>> plan(ConvCase conv, const std::optional<MemoryDesc>& x, const std::optional<MemoryDesc>& y,
                                  const ConvDescription<AnyConv>& description, Others others) {
  using Tensors = TensorsOf<AnyConv>;
  const Geometry& g = conv.geometry;
  ThreadScope scope(conv.threads);
  auto direct =
      choose(x, y, anyDesc(g.x, g.dtype), anyDesc(g.y, g.dtype),
             [&](const MemoryDesc& xDesc, const MemoryDesc& yDesc) { return description.describe(g, xDesc, yDesc); });
  if (!isWanted(direct, g.dtype)) return std::nullopt;
  const std::vector<Primitive::Argument> arguments = Tensors::arguments(direct, conv.hasBias);
  conv.x = layoutOf(conv.engine, arguments[Tensors::x].desc, g.x);
  conv.y = layoutOf(conv.engine, arguments[Tensors::y].desc, g.y);
  const std::optional<Candidate> first = DirectConv<AnyConv>(conv, description).make(direct);
  std::optional<Choice> choice =
      fastestOf(conv.engine, Tensors::direction, g, conv.threads, conv.signature, first, others(conv));
  if (!choice) return std::nullopt;
  return Plan<AnyConv>{direct, conv.x, conv.y, *choice};
}

// Inputs: x weight bias? residual?
template <class AnyConv>
KernelPtr prepareForward(const AnyConv& op, const Signature& signature, Engine& engine, Activation activation) {
  if (!isConvolved(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &weight = signature.inputs[1], &y = signature.outputs[0];
  bool hasBias = signature.inputs[2].defined, hasResidual = signature.inputs.size() > 3 && signature.inputs[3].defined;
  Geometry g(op, x.shape, weight.shape, y.shape, x.dtype);

  const Activation postOp = Rectifier::asPostOp(activation, hasResidual);
  const dnnl::primitive_attr attributes = finishing(postOp, hasResidual);
  std::optional<DType> bias = hasBias ? std::optional(signature.inputs[2].dtype) : std::nullopt;
  ConvDescription<dnnl::convolution_forward> description{
      .describe = [&](const Geometry& part, const MemoryDesc& xDesc,
                      const MemoryDesc& yDesc) { return makeForward(engine, part, bias, xDesc, yDesc, attributes); },
      .activation = activation};
  if (activation != Activation::identity && postOp == activation) {
    description.bare = [&engine, bias](const Geometry& part, const MemoryDesc& x, const MemoryDesc& weight,
                                       const MemoryDesc& y) {
      return makeForward(engine, part, bias, x, weight, y, userScratchpad());
    };
  }
  const std::optional<MemoryDesc> residual =
      hasResidual ? memoryDesc(engine, signature.inputs[3]) : anyDesc(y.shape, g.dtype);
  auto chosen =
      plan({engine, signature, g, {}, {}, engine.threadsFor(g.work()), hasBias}, memoryDesc(engine, x), residual,
           description, [&](const ConvCase& conv) { return winogradForward(conv, hasResidual, activation); });
  return chosen ? forwardKernel(signature, engine, chosen->choice, chosen->x, chosen->y,
                                chosen->direct.dst_desc().get_size())
                : prepareOwn(op, signature, engine);
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
  Geometry g(op, dx.shape, weight.shape, dy.shape, dy.dtype);

  ConvDescription<Backward> description{
      .describe = [&](const Geometry& part, const MemoryDesc& dxDesc, const MemoryDesc& dyDesc) {
        auto forward = makeForward(engine, part, std::nullopt, dxDesc, dyDesc);
        if (!forward) return Backward::primitive_desc();
        return describeBackwardData(engine.dnnl, dxDesc, anyDesc(part.weight, part.dtype), dyDesc, windowOf(part),
                                    userScratchpad(), forward);
      }};
  // A bias is added behind it.
  auto chosen =
      plan({engine, signature, g, {}, {}, engine.threadsFor(g.work()), false}, anyDesc(dx.shape, g.dtype),
           memoryDesc(engine, dy), description, [](const ConvCase& conv) { return winogradBackwardData(conv); });
  if (!chosen || (signature.inputs[2].defined && !engine.view(TensorDesc(dx.dtype, dx.shape, chosen->x))))
    return prepareOwn(op, signature, engine);
  return backwardDataKernel(signature, engine, chosen->choice, chosen->y, chosen->x);
}

KernelPtr prepare(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  if (!engine.usesOneDnn) return prepareOwn(op, signature, engine);
  using Backward = dnnl::convolution_backward_weights;
  if (!isConvolved(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &dy = signature.inputs[1], &dw = signature.outputs[0];
  Geometry g(op, x.shape, dw.shape, dy.shape, x.dtype);
  if (KernelPtr kernel = prepareFewInputs(op, g, signature, engine)) return kernel;

  ConvDescription<Backward> description{
      .describe = [&](const Geometry& part, const MemoryDesc& xDesc, const MemoryDesc& dyDesc) {
        auto forward = makeForward(engine, part, op.bias ? std::optional(g.dtype) : std::nullopt, xDesc, dyDesc);
        if (!forward) return Backward::primitive_desc();
        const MemoryDesc bias = op.bias ? plainDesc(part.bias, part.dtype) : MemoryDesc();
        return describeBackwardWeight(engine.dnnl, xDesc, anyDesc(part.weight, part.dtype), bias, dyDesc,
                                      windowOf(part), userScratchpad(), forward);
      }};
  auto chosen =
      plan({engine, signature, g, {}, {}, engine.threadsFor(g.work()), op.bias}, memoryDesc(engine, x),
           memoryDesc(engine, dy), description, [](const ConvCase& conv) { return winogradBackwardWeight(conv); });
  return chosen ? backwardWeightKernel(signature, chosen->choice, chosen->x, chosen->y)
                : prepareOwn(op, signature, engine);
}

}  // namespace cnn::cpu

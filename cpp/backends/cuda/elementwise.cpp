// Element by element, in whatever layout the inputs have: both layouts are dense, so memory is walked from end to end.
#include "kernels/elementwise.hpp"

#include "kernels/chain.hpp"
#include "prepare.hpp"

namespace cnn::cuda {

Prepared prepare(const Unary& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  UnaryCall call = {op.function, op.alpha, op.beta};
  return ready(signature,
               [&engine, call, dtype = x.dtype, count = x.elements()](const Run& run) {
                 launchUnary(engine.stream, dtype, call, run.in<void>(0), run.out<void>(0), count);
               },
               0, {x.layout}, {x.layout}, {0});
}

Prepared prepare(const UnaryBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dx = signature.outputs[0];
  UnaryCall call = {op.function, op.alpha, op.beta};
  Layout layout = commonLayout(signature, dx.shape);
  return ready(signature,
               [&engine, call, dtype = dx.dtype, count = dx.elements()](const Run& run) {
                 launchUnaryBackward(engine.stream, dtype, call, run.in<void>(0), run.in<void>(1), run.out<void>(0),
                                     count);
               },
               0, {layout, layout}, {layout}, {0, 1});
}

Prepared prepare(const Binary& op, const Signature& signature, Engine& engine) {
  const TensorDesc &a = signature.inputs[0], &b = signature.inputs[1], &y = signature.outputs[0];
  Layout layout = commonLayout(signature, y.shape);
  std::vector<Layout> layouts = layoutsFor(signature, y.shape, layout);
  Walk<3> walk = broadcastWalk<3>(in(y, layout), {in(a, layouts[0]), in(b, layouts[1])});
  return ready(signature,
               [&engine, walk, f = op.function, dtype = a.dtype](const Run& run) {
                 launchBinary(engine.stream, dtype, f, walk, run.in<void>(0), run.in<void>(1), run.out<void>(0));
               },
               0, layouts, {layout}, {0, 1});
}

Prepared prepare(const Where&, const Signature& signature, Engine& engine) {
  const TensorDesc& y = signature.outputs[0];
  Layout layout = commonLayout(signature, y.shape);
  std::vector<Layout> layouts = layoutsFor(signature, y.shape, layout);
  Walk<4> walk = broadcastWalk<4>(
      in(y, layout),
      {in(signature.inputs[0], layouts[0]), in(signature.inputs[1], layouts[1]), in(signature.inputs[2], layouts[2])});
  return ready(signature,
               [&engine, walk, dtype = y.dtype](const Run& run) {
                 launchWhere(engine.stream, dtype, walk, run.in<bool>(0), run.in<void>(1), run.in<void>(2),
                             run.out<void>(0));
               },
               0, layouts, {layout});
}

Prepared prepare(const ElementwiseChain& op, const Signature& signature, Engine& engine) {
  const TensorDesc& y = signature.outputs[0];
  if (y.dtype == DType::float64) return {nullptr, "chains of float64 are left apart"};
  Layout layout = commonLayout(signature, y.shape);
  std::vector<Layout> layouts = layoutsFor(signature, y.shape, layout);
  std::array<TensorDesc, mostChainInputs> inputs;
  inputs.fill(TensorDesc(y.dtype, {}));
  for (std::size_t i = 0; i < signature.inputs.size(); i++) inputs[i] = in(signature.inputs[i], layouts[i]);
  ChainCall call;
  for (const ChainLink& link : op.links) {
    call.links[call.count++] = {link.kind,
                                link.unary,
                                link.binary,
                                static_cast<float>(link.alpha),
                                static_cast<float>(link.beta),
                                static_cast<int>(link.input)};
  }
  ChainWalk walk = broadcastWalk<1 + mostChainInputs>(in(y, layout), inputs);
  return ready(
      signature,
      [&engine, call, walk, dtype = y.dtype](const Run& run) {
        launchChain(engine.stream, dtype, call, walk, run.inputs, run.out<void>(0));
      },
      0, layouts, {layout}, op.inputsRead());
}

Prepared prepare(const Cast& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  return ready(signature,
               [&engine, from = x.dtype, to = op.dtype, count = x.elements()](const Run& run) {
                 launchCast(engine.stream, from, to, run.in<void>(0), run.out<void>(0), count);
               },
               0, {x.layout}, {x.layout});
}

}  // namespace cnn::cuda

// Adaptive pooling, unpooling and gathering in planes, in the layout of their input. Max and average pooling are in
// pool.cpp.
#include "kernels/pool.hpp"
#include "kernels/reduce.hpp"
#include "kernels/unpool.hpp"

#include "prepare.hpp"

namespace cnn::cuda {

namespace {

constexpr Index maxInt32 = 0x7fffffff;

/// `small` has the positions, which lie in planes of `large`.
UnpoolShape unpoolShape(const TensorDesc& small, const TensorDesc& large, Layout layout) {
  return {small.shape[0], small.shape[1], small.shape.slice(2).product(), large.shape.slice(2).product(),
          layout == channelsLast};
}

}  // namespace

Prepared prepare(const AdaptiveAvgPool&, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  TensorDesc y = in(signature.outputs[0], x.layout);
  if (y.shape.slice(2).product() == 1) {  // the mean of whole planes: many threads an element
    Dims axes;
    for (int axis = 2; axis < x.rank(); axis++) axes.push(axis);
    ReducePlan plan = makeReducePlan(x, axes);
    return ready(signature,
                 [&engine, plan, dtype = x.dtype](const Run& run) {
                   launchReduce(engine.stream, dtype, ReduceFunction::mean, plan, run.in<void>(0), run.out<void>(0),
                                run.workspace);
                 },
                 reduceWorkspace(x.dtype, plan), {x.layout}, {x.layout});
  }
  return ready(signature,
               [&engine, shape = adaptiveShape(x, y), dtype = x.dtype](const Run& run) {
                 launchAdaptiveAvgPool(engine.stream, dtype, shape, run.in<void>(0), run.out<void>(0));
               },
               0, {x.layout}, {x.layout});
}

Prepared prepare(const AdaptiveAvgPoolBackward&, const Signature& signature, Engine& engine) {
  const TensorDesc& dy = signature.inputs[0];
  TensorDesc dx = in(signature.outputs[0], dy.layout);
  return ready(signature,
               [&engine, shape = adaptiveShape(dx, dy), dtype = dy.dtype](const Run& run) {
                 launchAdaptiveAvgPoolBackward(engine.stream, dtype, shape, run.in<void>(0), run.out<void>(0));
               },
               0, {dy.layout}, {dy.layout});
}

Prepared prepare(const AdaptiveMaxPool&, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  PoolShape shape = adaptiveShape(x, in(signature.outputs[0], x.layout));
  return ready(signature,
               [&engine, shape, dtype = x.dtype](const Run& run) {
                 launchAdaptiveMaxPool(engine.stream, dtype, shape, run.in<void>(0), run.out<void>(0),
                                       run.out<std::int32_t>(1));
               },
               0, {x.layout}, {x.layout, x.layout});
}

Prepared prepare(const MaxUnpool& op, const Signature& signature, Engine& engine) {
  const TensorDesc &x = signature.inputs[0], &y = signature.outputs[0];
  Layout layout = x.layout;
  UnpoolShape shape = unpoolShape(x, y, layout);
  if (op.accumulate) {
    return ready(signature,
                 [&engine, reporter = Reporter(op, signature, engine), shape, dtype = x.dtype,
                  inOrder = engine.options.deterministic](const Run& run) {
                   launchUnpoolSum(engine.stream, dtype, shape, inOrder, run.in<void>(0), run.in<std::int32_t>(1),
                                   run.out<void>(0), reporter.sink());
                 },
                 0, {layout, layout}, {layout});
  }
  if (shape.count > maxInt32) {
    return {nullptr, text("a plane of x has ", shape.count,
                          " elements, of which the last at each position can't be told beyond ", maxInt32)};
  }
  return ready(signature,
               [&engine, reporter = Reporter(op, signature, engine), shape, bytes = sizeOf(x.dtype)](const Run& run) {
                 launchUnpool(engine.stream, bytes, shape, run.in<void>(0), run.in<std::int32_t>(1), run.out<void>(0),
                              run.workspace, reporter.sink());
               },
               unpoolWorkspace(shape), {layout, layout}, {layout});
}

Prepared prepare(const PlaneGather& op, const Signature& signature, Engine& engine) {
  const TensorDesc &x = signature.inputs[0], &y = signature.outputs[0];
  Layout layout = x.layout;
  return ready(signature,
               [&engine, reporter = Reporter(op, signature, engine), shape = unpoolShape(y, x, layout),
                bytes = sizeOf(x.dtype)](const Run& run) {
                 launchPlaneGather(engine.stream, bytes, shape, run.in<void>(0), run.in<std::int32_t>(1),
                                   run.out<void>(0), reporter.sink());
               },
               0, {layout, layout}, {layout});
}

}  // namespace cnn::cuda

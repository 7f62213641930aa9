// Ops that read or write at positions, plain.
#include "kernels/index.hpp"

#include "prepare.hpp"

namespace cnn::cuda {

namespace {

IndexedAxis axisOf(const Dims& shape, Index axis) {
  int at = static_cast<int>(axis);
  return {axis, shape[at], stridesOf(shape)[at]};
}

Index outerOf(const Dims& shape, Index axis) { return shape.slice(0, static_cast<int>(axis)).product(); }
Index innerOf(const Dims& shape, Index axis) { return shape.slice(static_cast<int>(axis) + 1).product(); }

/// Walks over indices (tensor 0) and the places of a tensor of `shape` (tensor 1) that they name along `axis`.
Walk<2> alongIndices(const Dims& indices, const Dims& shape, Index axis) {
  Dims strides = stridesOf(shape);
  strides[static_cast<int>(axis)] = 0;
  return makeWalk<2>(indices, {stridesOf(indices), strides});
}

}  // namespace

Prepared prepare(const OneHot& op, const Signature& signature, Engine& engine) {
  return ready(signature, [&engine, reporter = Reporter(op, signature, engine), count = signature.inputs[0].elements(),
                           classes = op.classes](const Run& run) {
    launchOneHot(engine.stream, count, classes, run.in<std::int32_t>(0), run.out<std::int32_t>(0), reporter.sink());
  });
}

Prepared prepare(const Gather& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  Walk<2> walk = alongIndices(signature.inputs[1].shape, x.shape, op.axis);
  return ready(signature, [&engine, reporter = Reporter(op, signature, engine), walk, axis = axisOf(x.shape, op.axis),
                           bytes = sizeOf(x.dtype)](const Run& run) {
    launchGather(engine.stream, bytes, walk, axis, run.in<void>(0), run.in<std::int32_t>(1), run.out<void>(0),
                 reporter.sink());
  });
}

Prepared prepare(const ScatterAdd& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dx = signature.outputs[0];
  Dims indices = signature.inputs[1].shape;
  Walk<2> walk = alongIndices(indices, dx.shape, op.axis);
  return ready(
      signature,
      [&engine, reporter = Reporter(op, signature, engine), walk, indices, axis = axisOf(dx.shape, op.axis),
       shape = dx.shape, dtype = dx.dtype, inOrder = engine.options.deterministic](const Run& run) {
        launchScatterAdd(engine.stream, dtype, walk, axis, indices, shape, inOrder, run.in<void>(0),
                         run.in<std::int32_t>(1), run.out<void>(0), run.workspace, reporter.sink());
      },
      indexAddWorkspace(dx.dtype, dx.elements()));
}

Prepared prepare(const IndexSelect& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  Index outer = outerOf(x.shape, op.axis), inner = innerOf(x.shape, op.axis), count = signature.inputs[1].elements();
  return ready(signature, [&engine, reporter = Reporter(op, signature, engine), outer, inner, count,
                           axis = axisOf(x.shape, op.axis), bytes = sizeOf(x.dtype)](const Run& run) {
    launchIndexSelect(engine.stream, bytes, outer, axis, inner, count, run.in<void>(0), run.in<std::int32_t>(1),
                      run.out<void>(0), reporter.sink());
  });
}

Prepared prepare(const IndexAdd& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dx = signature.outputs[0];
  Index outer = outerOf(dx.shape, op.axis), inner = innerOf(dx.shape, op.axis), count = signature.inputs[1].elements();
  return ready(
      signature,
      [&engine, reporter = Reporter(op, signature, engine), outer, inner, count, axis = axisOf(dx.shape, op.axis),
       dtype = dx.dtype, inOrder = engine.options.deterministic](const Run& run) {
        launchIndexAdd(engine.stream, dtype, outer, axis, inner, count, inOrder, run.in<void>(0),
                       run.in<std::int32_t>(1), run.out<void>(0), run.workspace, reporter.sink());
      },
      indexAddWorkspace(dx.dtype, dx.elements()));
}

}  // namespace cnn::cuda

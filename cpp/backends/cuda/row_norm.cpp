// Group norm, layer norm and local response normalisation, which need no library. Batch norm is in norm.cpp.
#include "kernels/norm.hpp"

#include "prepare.hpp"

namespace cnn::cuda {

namespace {

/// Channels-last where a group has enough channels for threads to read neighbours.
NormRows groupRows(const TensorDesc& x, Index groups) {
  bool staysLast = x.layout == channelsLast && x.shape[1] / groups >= 8;
  return {x.shape[0], groups, x.shape[1], x.shape.slice(2).product(), staysLast};
}

NormRows layerRows(const TensorDesc& x, Index axes) {
  int first = x.rank() - static_cast<int>(axes);
  return {x.shape.slice(0, first).product(), 1, x.shape.slice(first).product(), 1, false};
}

Layout layoutOf(const NormRows& rows) { return rows.channelsAreLast ? channelsLast : Layout{}; }

Prepared prepareRows(const Signature& signature, Engine& engine, const NormRows& rows, double eps) {
  Layout layout = layoutOf(rows), plain;
  return ready(signature,
               [&engine, rows, eps, dtype = signature.inputs[0].dtype](const Run& run) {
                 launchRowsNorm(engine.stream, dtype, rows, eps, run.in<void>(0), run.in<void>(1), run.in<void>(2),
                                run.out<void>(0), run.out<void>(1), run.out<void>(2));
               },
               0, {layout, plain, plain}, {layout});
}

Prepared prepareRowsBackward(const Signature& signature, Engine& engine, const NormRows& rows) {
  Layout layout = layoutOf(rows), plain;
  DType dtype = signature.inputs[0].dtype;
  return ready(signature,
               [&engine, rows, dtype](const Run& run) {
                 launchRowsNormBackward(engine.stream, dtype, rows, run.in<void>(0), run.in<void>(1), run.in<void>(2),
                                        run.in<void>(3), run.in<void>(4), run.out<void>(0), run.out<void>(1),
                                        run.out<void>(2), run.workspace);
               },
               rowsNormBackwardWorkspace(dtype, rows), {layout, layout, plain, plain, plain}, {layout});
}

}  // namespace

Prepared prepare(const GroupNorm& op, const Signature& signature, Engine& engine) {
  return prepareRows(signature, engine, groupRows(signature.inputs[0], op.groups), op.eps);
}

Prepared prepare(const GroupNormBackward& op, const Signature& signature, Engine& engine) {
  return prepareRowsBackward(signature, engine, groupRows(signature.inputs[1], op.groups));
}

Prepared prepare(const LayerNorm& op, const Signature& signature, Engine& engine) {
  return prepareRows(signature, engine, layerRows(signature.inputs[0], op.axes), op.eps);
}

Prepared prepare(const LayerNormBackward& op, const Signature& signature, Engine& engine) {
  return prepareRowsBackward(signature, engine, layerRows(signature.inputs[1], op.axes));
}

Prepared prepare(const LocalResponseNorm& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  ResponseRule rule = {op.size, op.alpha, op.beta, op.k};
  return ready(signature,
               [&engine, rule, view = channelView(x), dtype = x.dtype](const Run& run) {
                 launchLocalResponse(engine.stream, dtype, view, rule, run.in<void>(0), run.out<void>(0));
               },
               0, {x.layout}, {x.layout});
}

Prepared prepare(const LocalResponseNormBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[1];
  ResponseRule rule = {op.size, op.alpha, op.beta, op.k};
  ChannelView view = channelView(x);
  return ready(signature,
               [&engine, rule, view, dtype = x.dtype](const Run& run) {
                 launchLocalResponseBackward(engine.stream, dtype, view, rule, run.in<void>(0), run.in<void>(1),
                                             run.out<void>(0), run.workspace);
               },
               localResponseBackwardWorkspace(x.dtype, view), {x.layout, x.layout}, {x.layout});
}

}  // namespace cnn::cuda

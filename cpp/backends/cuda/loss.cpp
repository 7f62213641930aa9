// Softmax and losses. Channels-last tensors stay so where the classes are the channels.
#include "kernels/loss.hpp"

#include "prepare.hpp"

namespace cnn::cuda {

namespace {

/// x as [outer, size, inner] around the axis.
struct Lines {
  Layout layout;
  Index outer = 1, size = 1, inner = 1;

  Lines(const TensorDesc& x, Index along) {
    int axis = static_cast<int>(along);
    if (x.layout == channelsLast && axis == 1) layout = channelsLast;
    size = x.shape[axis];
    outer = x.shape.slice(0, axis).product();
    inner = x.shape.slice(axis + 1).product();
    if (layout == channelsLast) {
      outer *= inner;
      inner = 1;
    }
  }
};

}  // namespace

Prepared prepare(const Softmax& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  Lines lines(x, op.axis);
  return ready(signature,
               [&engine, lines, log = op.log, dtype = x.dtype](const Run& run) {
                 launchSoftmax(engine.stream, dtype, log, lines.outer, lines.size, lines.inner, run.in<void>(0),
                               run.out<void>(0));
               },
               0, {lines.layout}, {lines.layout});
}

Prepared prepare(const SoftmaxBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& y = signature.inputs[1];
  Lines lines(y, op.axis);
  return ready(signature,
               [&engine, lines, log = op.log, dtype = y.dtype](const Run& run) {
                 launchSoftmaxBackward(engine.stream, dtype, log, lines.outer, lines.size, lines.inner, run.in<void>(0),
                                       run.in<void>(1), run.out<void>(0));
               },
               0, {lines.layout, lines.layout}, {lines.layout});
}

Prepared prepare(const NllLoss& op, const Signature& signature, Engine& engine) {
  const TensorDesc& logp = signature.inputs[0];
  Index inner = logp.shape.slice(2).product(), classes = logp.shape[1], sample = classes * inner;
  bool classesAreLast = logp.layout == channelsLast;
  NllView view = {logp.shape[0] * inner,       classes, inner, sample, classesAreLast ? 1 : inner,
                  classesAreLast ? classes : 1};
  NllRule rule = {op.reduction, op.ignoreIndex};
  return ready(signature,
               [&engine, reporter = Reporter(op, signature, engine), view, rule, dtype = logp.dtype](const Run& run) {
                 launchNllLoss(engine.stream, dtype, view, rule, run.in<void>(0), run.in<std::int32_t>(1),
                               run.in<void>(2), run.out<void>(0), run.out<void>(1), run.workspace, reporter.sink());
               },
               nllLossWorkspace(view), {logp.layout, Layout{}, Layout{}});
}

Prepared prepare(const NllLossBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dlogp = signature.outputs[0];
  Index samples = dlogp.shape[0], classes = dlogp.shape[1], inner = dlogp.shape.slice(2).product();
  NllRule rule = {op.reduction, op.ignoreIndex};
  return ready(signature, [&engine, reporter = Reporter(op, signature, engine), samples, classes, inner, rule,
                           dtype = dlogp.dtype](const Run& run) {
    launchNllLossBackward(engine.stream, dtype, samples, classes, inner, rule, run.in<void>(0), run.in<std::int32_t>(1),
                          run.in<void>(2), run.in<void>(3), run.out<void>(0), reporter.sink());
  });
}

Prepared prepare(const CrossEntropy& op, const Signature& signature, Engine& engine) {
  const TensorDesc& logits = signature.inputs[0];
  Index rows = logits.shape[0], classes = logits.shape[1];
  NllRule rule = {op.reduction, op.ignoreIndex};
  return ready(
      signature,
      [&engine, reporter = Reporter(op, signature, engine), rows, classes, rule, dtype = logits.dtype](const Run& run) {
        launchCrossEntropy(engine.stream, dtype, rows, classes, rule, run.in<void>(0), run.in<std::int32_t>(1),
                           run.in<void>(2), run.out<void>(0), run.out<void>(1), run.out<void>(2), run.workspace,
                           reporter.sink());
      },
      crossEntropyWorkspace(rows, classes));
}

Prepared prepare(const CrossEntropyBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& logits = signature.inputs[1];
  Index rows = logits.shape[0], classes = logits.shape[1];
  NllRule rule = {op.reduction, op.ignoreIndex};
  return ready(signature, [&engine, rows, classes, rule, dtype = logits.dtype](const Run& run) {
    launchCrossEntropyBackward(engine.stream, dtype, rows, classes, rule, run.in<void>(0), run.in<void>(1),
                               run.in<std::int32_t>(2), run.in<void>(3), run.in<void>(4), run.in<void>(5),
                               run.out<void>(0));
  });
}

Prepared prepare(const PairLoss& op, const Signature& signature, Engine& engine) {
  const TensorDesc& y = signature.outputs[0];
  return ready(
      signature, [&engine, f = op.function, beta = op.beta, dtype = y.dtype, count = y.elements()](const Run& run) {
        launchPairLoss(engine.stream, dtype, f, beta, run.in<void>(0), run.in<void>(1), run.out<void>(0), count);
      });
}

Prepared prepare(const PairLossBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dx = signature.outputs[0];
  return ready(signature,
               [&engine, f = op.function, beta = op.beta, dtype = dx.dtype, count = dx.elements()](const Run& run) {
                 launchPairLossBackward(engine.stream, dtype, f, beta, run.in<void>(0), run.in<void>(1),
                                        run.in<void>(2), run.out<void>(0), count);
               });
}

}  // namespace cnn::cuda

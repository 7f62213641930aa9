// Reductions over axes, from whatever layout x has to plain results.
#include "kernels/reduce.hpp"

#include <algorithm>
#include <optional>

#include "prepare.hpp"

namespace cnn::cuda {

Prepared prepare(const Reduce& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  ReducePlan plan = makeReducePlan(x, op.axes);
  std::optional<Reporter> reporter;
  if (x.dtype == DType::int32) reporter.emplace(op, signature, engine);
  return ready(signature,
               [&engine, reporter, plan, f = op.function, dtype = x.dtype](const Run& run) {
                 launchReduce(engine.stream, dtype, f, plan, run.in<void>(0), run.out<void>(0), run.workspace,
                              reporter ? reporter->sink() : FaultSink{});
               },
               reduceWorkspace(x.dtype, plan), {x.layout});
}

Prepared prepare(const Variance& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  ReducePlan plan = makeReducePlan(x, op.axes);
  const double freedom = std::max(0.0, static_cast<double>(plan.reduced.count) - op.correction);
  return ready(signature,
               [&engine, plan, freedom, root = op.root, dtype = x.dtype](const Run& run) {
                 launchVariance(engine.stream, dtype, root, freedom, plan, run.in<void>(0), run.out<void>(0),
                                run.out<void>(1), run.workspace);
               },
               varianceWorkspace(plan), {x.layout});
}

Prepared prepare(const ArgReduce& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  int axis = static_cast<int>(op.axis);
  Index outer = axis < 0 ? 1 : x.shape.slice(0, axis).product();
  Index size = axis < 0 ? x.elements() : x.shape[axis];
  Index inner = axis < 0 ? 1 : x.shape.slice(axis + 1).product();
  return ready(signature, [&engine, outer, size, inner, max = op.max, dtype = x.dtype](const Run& run) {
    launchArgReduce(engine.stream, dtype, max, outer, size, inner, run.in<void>(0), run.out<std::int32_t>(0));
  });
}

}  // namespace cnn::cuda

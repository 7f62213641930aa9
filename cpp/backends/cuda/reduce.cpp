// Reductions over axes, from whatever layout x has to plain results.
#include "kernels/reduce.hpp"

#include "prepare.hpp"

namespace cnn::cuda {

Prepared prepare(const Reduce& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  ReducePlan plan = makeReducePlan(x, op.axes);
  return ready(signature, [&engine, plan, f = op.function, dtype = x.dtype](const Run& run) {
    launchReduce(engine.stream, dtype, f, plan, run.in<void>(0), run.out<void>(0), run.workspace);
  }, reduceWorkspace(x.dtype, plan), {x.layout});
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

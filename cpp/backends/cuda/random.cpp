// Constants and random numbers; see ops/random.hpp for which number comes from where.
#include "kernels/random.hpp"

#include "kernels/copy.hpp"
#include "prepare.hpp"

namespace cnn::cuda {

Prepared prepare(const Fill& op, const Signature& signature, Engine& engine) {
  return ready(signature, [&engine, dtype = op.dtype, count = signature.outputs[0].elements()](const Run& run) {
    launchFill(engine.stream, sizeOf(dtype), bitsOf(dtype, std::get<Fill>(run.op).value), run.out<void>(0), count);
  });
}

Prepared prepare(const Uniform& op, const Signature& signature, Engine& engine) {
  return ready(signature, [&engine, dtype = op.dtype, count = signature.outputs[0].elements()](const Run& run) {
    const Uniform& uniform = std::get<Uniform>(run.op);
    launchUniform(engine.stream, dtype, {uniform.seed, uniform.offset}, uniform.low, uniform.high, run.out<void>(0),
                  count);
  });
}

Prepared prepare(const Normal& op, const Signature& signature, Engine& engine) {
  return ready(signature, [&engine, dtype = op.dtype, count = signature.outputs[0].elements()](const Run& run) {
    const Normal& normal = std::get<Normal>(run.op);
    launchNormal(engine.stream, dtype, {normal.seed, normal.offset}, normal.mean, normal.std, run.out<void>(0), count);
  });
}

Prepared prepare(const Permutation& op, const Signature& signature, Engine& engine) {
  return ready(
      signature,
      [&engine, n = op.n](const Run& run) {
        const Permutation& permutation = std::get<Permutation>(run.op);
        launchPermutation(engine.stream, {permutation.seed, permutation.offset}, n, run.out<std::int32_t>(0),
                          run.workspace);
      },
      permutationWorkspace(op.n));
}

Prepared prepare(const Dropout& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  bool hasChannels = x.rank() >= 2;
  DropoutView view = {x.layout == channelsLast, op.channelwise, hasChannels ? x.shape[0] : 1,
                      hasChannels ? x.shape[1] : 1, hasChannels ? x.shape.slice(2).product() : x.elements()};
  return ready(signature,
               [&engine, view, dtype = x.dtype](const Run& run) {
                 const Dropout& dropout = std::get<Dropout>(run.op);
                 launchDropout(engine.stream, dtype, {dropout.seed, dropout.offset}, dropout.p, view, run.in<void>(0),
                               run.out<void>(0));
               },
               0, {x.layout}, {x.layout}, {0});
}

}  // namespace cnn::cuda

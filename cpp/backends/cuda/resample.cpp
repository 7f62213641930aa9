// Interpolation, in the layout of its input.
#include "kernels/resample.hpp"

#include "prepare.hpp"

namespace cnn::cuda {

namespace {

template <class ResampleOp>
ResampleShape shapeOf(const ResampleOp& op, const TensorDesc& x, const TensorDesc& y) {
  return {x.shape[0],
          x.shape[1],
          lift(x.shape.slice(2), 1),
          lift(y.shape.slice(2), 1),
          planeStrides(x),
          planeStrides(y),
          op.mode,
          op.alignCorners};
}

}  // namespace

Prepared prepare(const Upsample& op, const Signature& signature, Engine& engine) {
  const TensorDesc& x = signature.inputs[0];
  ResampleShape shape = shapeOf(op, x, in(signature.outputs[0], x.layout));
  return ready(signature,
               [&engine, shape, dtype = x.dtype](const Run& run) {
                 launchUpsample(engine.stream, dtype, shape, run.in<void>(0), run.out<void>(0));
               },
               0, {x.layout}, {x.layout});
}

Prepared prepare(const UpsampleBackward& op, const Signature& signature, Engine& engine) {
  const TensorDesc& dy = signature.inputs[0];
  ResampleShape shape = shapeOf(op, in(signature.outputs[0], dy.layout), dy);
  return ready(signature,
               [&engine, shape, dtype = dy.dtype](const Run& run) {
                 launchUpsampleBackward(engine.stream, dtype, shape, run.in<void>(0), run.out<void>(0));
               },
               0, {dy.layout}, {dy.layout});
}

}  // namespace cnn::cuda

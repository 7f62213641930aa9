// The shape rules of interpolation.
#include "check.hpp"

namespace cnn {

namespace {

/// Number of spatial dimensions, after a look at the parameters.
template <class AnyUpsample>
int checkParameters(const AnyUpsample& upsample, check::Name what, const Dims& sizes) {
  const check::Name op = "interpolate";
  if (sizes.size() < 1 || sizes.size() > 3)
    fail(ErrorKind::shape, op, ": ", what, " is ", sizes, ", expected 1 to 3 entries");
  check::entries(op, what, sizes, sizes.size(), 1);
  if (upsample.alignCorners && upsample.mode == Interpolation::nearest) {
    fail(ErrorKind::value, op, ": alignCorners is true with mode nearest, expected mode linear");
  }
  return sizes.size();
}

}  // namespace

Descs infer(const Upsample& upsample, Inputs inputs) {
  const TensorDesc& x = inputs[0];
  check::planes("interpolate", "x", x, checkParameters(upsample, "size", upsample.outputSize));
  return {check::checkedShape("interpolate", x.dtype, check::withSpatial(x, upsample.outputSize))};
}

Descs infer(const UpsampleBackward& upsample, Inputs inputs) {
  const TensorDesc& dy = inputs[0];
  check::planes(UpsampleBackward::name, "dy", dy, checkParameters(upsample, "inputSize", upsample.inputSize));
  return {check::checkedShape(UpsampleBackward::name, dy.dtype, check::withSpatial(dy, upsample.inputSize))};
}

}  // namespace cnn

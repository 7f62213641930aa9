// Packed loops, or Winograd's algorithm where it applies.
#include "conv_own.hpp"

#include "conv_kernel.hpp"
#include "conv_packed.hpp"
#include "conv_winograd.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

// The case of a convolution with its activations as packed loops like them.
struct OwnCase {
  Geometry geometry;
  ConvCase conv;

  template <class AnyConv>
  OwnCase(const AnyConv& op, const Signature& signature, Engine& engine, const Dims& x, const Dims& weight,
          const Dims& y, bool hasBias)
      : geometry(op, x, weight, y, DType::float32),
        conv{engine, signature, geometry, {}, {}, engine.threadsFor(geometry.work()), hasBias} {
    const PackedLanes lanes = packedLanes(geometry);
    conv.x = engine.layoutWithLanes(x, lanes.x);
    conv.y = engine.layoutWithLanes(y, lanes.y);
  }
  OwnCase(const OwnCase&) = delete;
  OwnCase& operator=(const OwnCase&) = delete;

  std::optional<Choice> choose(Direction direction, const std::optional<Candidate>& packed,
                               std::vector<Candidate> others) const {
    return fastestOf(conv.engine, direction, geometry, conv.threads, conv.signature, packed, std::move(others));
  }
};

bool isOwn(const Signature& signature) { return signature.inputs[0].dtype == DType::float32 && isConvolved(signature); }

template <class AnyConv>
KernelPtr prepareForward(const AnyConv& op, const Signature& signature, Engine& engine, Activation activation) {
  if (!isOwn(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &weight = signature.inputs[1], &y = signature.outputs[0];
  const bool hasResidual = signature.inputs.size() > 3 && signature.inputs[3].defined;
  const OwnCase own(op, signature, engine, x.shape, weight.shape, y.shape, signature.inputs[2].defined);
  auto choice = own.choose(Direction::forward, packedForward(own.conv, hasResidual, activation),
                           winogradForward(own.conv, hasResidual, activation));
  return choice ? forwardKernel(signature, engine, *choice, own.conv.x, own.conv.y, y.plainBytes()) : nullptr;
}

}  // namespace

KernelPtr prepareOwn(const Conv& op, const Signature& signature, Engine& engine) {
  return prepareForward(op, signature, engine, Activation::identity);
}

KernelPtr prepareOwn(const ConvActivation& op, const Signature& signature, Engine& engine) {
  return prepareForward(op, signature, engine, op.activation);
}

KernelPtr prepareOwn(const ConvBackwardData& op, const Signature& signature, Engine& engine) {
  if (!isOwn(signature)) return nullptr;
  const OwnCase own(op, signature, engine, signature.outputs[0].shape, signature.inputs[1].shape,
                    signature.inputs[0].shape, false);
  auto choice = own.choose(Direction::backwardData, packedBackwardData(own.conv), winogradBackwardData(own.conv));
  return choice ? backwardDataKernel(signature, engine, *choice, own.conv.y, own.conv.x) : nullptr;
}

KernelPtr prepareOwn(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  if (!isOwn(signature)) return nullptr;
  const OwnCase own(op, signature, engine, signature.inputs[0].shape, signature.outputs[0].shape,
                    signature.inputs[1].shape, op.bias);
  auto choice = own.choose(Direction::backwardWeight, packedBackwardWeight(own.conv), winogradBackwardWeight(own.conv));
  return choice ? backwardWeightKernel(signature, *choice, own.conv.x, own.conv.y) : nullptr;
}

}  // namespace cnn::cpu

// Convolution where oneDNN is absent.
#include "conv_own.hpp"
#include "kernels.hpp"

namespace cnn::cpu {

KernelPtr prepare(const Conv& op, const Signature& signature, Engine& engine) {
  return prepareOwn(op, signature, engine);
}
KernelPtr prepare(const ConvActivation& op, const Signature& signature, Engine& engine) {
  return prepareOwn(op, signature, engine);
}
KernelPtr prepare(const ConvBackwardData& op, const Signature& signature, Engine& engine) {
  return prepareOwn(op, signature, engine);
}
KernelPtr prepare(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  return prepareOwn(op, signature, engine);
}

}  // namespace cnn::cpu

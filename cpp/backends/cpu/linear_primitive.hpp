// Linear layers and matrix products by oneDNN's matmul primitive; null where another way is better.
#pragma once

#include "core/backend.hpp"
#include "engine.hpp"
#include "ops/fused.hpp"

namespace cnn::cpu {

#ifdef CNN_WITH_ONEDNN
KernelPtr prepareByPrimitive(const LinearActivation&, const Signature&, Engine&);
KernelPtr prepareByPrimitive(const LinearBackwardWeight&, const Signature&, Engine&);
KernelPtr prepareByPrimitive(const MatMul&, const Signature&, Engine&);
#else
template <class O>
KernelPtr prepareByPrimitive(const O&, const Signature&, Engine&) {
  return nullptr;
}
#endif

}  // namespace cnn::cpu

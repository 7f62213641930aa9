// Linear layers and matrix products in bfloat16, where the processor multiplies it itself; null elsewhere.
#pragma once

#include "core/backend.hpp"
#include "engine.hpp"

namespace cnn::cpu {

#ifdef CNN_WITH_ONEDNN
KernelPtr prepareHalf(const Linear&, const Signature&, Engine&);
KernelPtr prepareHalf(const LinearBackwardWeight&, const Signature&, Engine&);
KernelPtr prepareHalf(const MatMul&, const Signature&, Engine&);
#else
template <class O>
KernelPtr prepareHalf(const O&, const Signature&, Engine&) {
  return nullptr;
}
#endif

}  // namespace cnn::cpu

// The kernels of the cpu backend, by op: null where one declines, and the reference backend's loops take over.
#pragma once

#include "core/backend.hpp"
#include "engine.hpp"

namespace cnn::cpu {

#ifdef CNN_WITH_ONEDNN
KernelPtr prepare(const Conv&, const Signature&, Engine&);
KernelPtr prepare(const ConvBackwardData&, const Signature&, Engine&);
KernelPtr prepare(const ConvBackwardWeight&, const Signature&, Engine&);
#endif
KernelPtr prepare(const MaxPool&, const Signature&, Engine&);
KernelPtr prepare(const MaxPoolBackward&, const Signature&, Engine&);
KernelPtr prepare(const AvgPool&, const Signature&, Engine&);
KernelPtr prepare(const AvgPoolBackward&, const Signature&, Engine&);
KernelPtr prepare(const AdaptiveAvgPool&, const Signature&, Engine&);
KernelPtr prepare(const AdaptiveAvgPoolBackward&, const Signature&, Engine&);
KernelPtr prepare(const Linear&, const Signature&, Engine&);
KernelPtr prepare(const MatMul&, const Signature&, Engine&);
KernelPtr prepare(const Unary&, const Signature&, Engine&);
KernelPtr prepare(const UnaryBackward&, const Signature&, Engine&);
KernelPtr prepare(const Binary&, const Signature&, Engine&);

}  // namespace cnn::cpu

// The reference backend as the device registry sees it.
#pragma once

#include "core/backend.hpp"

namespace cnn {

std::unique_ptr<Backend> makeReferenceBackend();
/// What that backend answers: other backends on host memory take it for ops that they have no kernel for. It declines
/// to compute in half types.
Prepared prepareReference(const Op& op, const Signature& signature);

}  // namespace cnn

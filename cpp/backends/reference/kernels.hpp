// The reference backend: the definition of each op as plain loops, float32 and float64, plain layouts, one thread.
// It is the oracle of every test and depends on nothing.
#pragma once

#include "core/backend.hpp"

namespace cnn::reference {

#define CNN_DECLARE(O) KernelPtr prepare(const O&, const Signature&);
CNN_OPS(CNN_DECLARE)
#undef CNN_DECLARE

}  // namespace cnn::reference

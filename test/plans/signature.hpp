// Signature: one call of an op as a line of text, `conv x=N,3,32,32 weight=8,3,5,5 bias=8 stride=1,1 … groups=1`.
#pragma once

#include <string>

#include "ops/op.hpp"

namespace cnn {

struct Call {
  Op op;
  Descs inputs, outputs;  // float32, plain
};

/// N stands for the batch. Throws Error for what is no op, lacks a parameter or does not fit.
Call parseCall(const std::string& line, Index batch);

}  // namespace cnn

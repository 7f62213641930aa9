// Tape: who is told of each op that ran, or was recorded, while gradients are wanted.
#pragma once

#include <span>

#include "session.hpp"
#include "tensor.hpp"

namespace cnn {

class Tape {
 public:
  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  virtual ~Tape() = default;
  /// Makes a node of the op where its outputs depend on a tensor that wants a gradient.
  virtual void record(Session& session, const Op& op, std::span<const Tensor> inputs,
                      std::span<const Tensor> outputs) = 0;
};

}  // namespace cnn

// Trace: what the door does with ops while a function is recorded instead of run.
#pragma once

#include "session.hpp"
#include "tensor.hpp"

namespace cnn {

class Trace {
 public:
  /// `id`: no other trace of the session has it; from 1 on.
  explicit Trace(std::uint64_t id) : id(id) {}
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  virtual ~Trace() = default;
  const std::uint64_t id;

  /// Records an op; its outputs are tensors without memory.
  virtual Tensors add(const Op& op, std::span<const Tensor> inputs, const Descs& outputs, const DevicePtr& device) = 0;
  /// Told of a tensor of values that JavaScript gave meanwhile: a constant of the function.
  virtual void addConstant(const Tensor& tensor) = 0;
  /// Told of a second tensor of the same memory that the function made.
  virtual void addAlias(const Tensor& tensor, const Tensor& alias) = 0;
  /// Told before a leaf is made to want a gradient, or not.
  virtual void touchRequiresGrad(const std::shared_ptr<TensorImpl>& leaf) = 0;
  /// Told before the gradient of a leaf is read (`isRead`) or replaced.
  virtual void touchGradient(const std::shared_ptr<TensorImpl>& leaf, bool isRead) = 0;
};

}  // namespace cnn

// Tensor: a reference-counted view of storage on a device, with its place in the gradient graph.
#pragma once

#include <memory>

#include "device.hpp"

namespace cnn {

class Trace;

/// Memory of one device, freed when its last tensor goes. `version` counts overwrites, so that autograd notices.
class Storage {
 public:
  Storage(DevicePtr device, std::size_t bytes);
  /// No memory: what an op will have made once the trace that it is recorded in runs.
  Storage(DevicePtr device, const Trace& trace, int value);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return block_.memory; }
  std::size_t bytes() const { return block_.bytes; }
  const DevicePtr& device() const { return device_; }
  /// Tells it from all other memory that its device has had.
  std::uint64_t id() const { return id_; }
  std::uint32_t version = 0;

  /// Whether it stands for memory that no run has made yet.
  bool isSymbolic() const { return trace_ != 0; }
  /// The value that it stands for in `trace`; -1 where it stands for none.
  int valueIn(const Trace& trace) const;

 private:
  DevicePtr device_;
  std::uint64_t id_;
  Allocator::Block block_;
  std::uint64_t trace_ = 0;  // a number: another trace may come to lie where one has ended
  int value_ = -1;
};

class Node;

struct TensorImpl {
  TensorDesc desc;
  std::shared_ptr<Storage> storage;
  bool requiresGrad = false;   // a leaf whose gradient is wanted, or a result that depends on one
  std::shared_ptr<Node> node;  // what made it, where a gradient flows
  int outputIndex = 0;         // which output of node
  std::shared_ptr<TensorImpl> grad;
  int handles = 0;  // numbers that JavaScript has for it
};

/// A value type: copies share the same tensor. A default-made one is "no tensor".
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}
  /// Uninitialised memory.
  static Tensor empty(const DevicePtr& device, const TensorDesc& desc);
  /// Uninitialised bytes, of which the caller knows what they will be.
  static Tensor ofBytes(const DevicePtr& device, std::size_t bytes);
  /// A tensor without memory, for a trace.
  static Tensor symbolic(const DevicePtr& device, const TensorDesc& desc, const Trace& trace, int value);

  explicit operator bool() const { return impl_ != nullptr; }
  TensorImpl* operator->() const { return impl_.get(); }
  const std::shared_ptr<TensorImpl>& impl() const { return impl_; }

  const TensorDesc& desc() const { return impl_->desc; }
  const Dims& shape() const { return impl_->desc.shape; }
  Index size(int axis) const { return impl_->desc.shape[axis]; }
  int rank() const { return impl_->desc.rank(); }
  DType dtype() const { return impl_->desc.dtype; }
  const DevicePtr& device() const { return impl_->storage->device(); }
  bool requiresGrad() const { return impl_ && impl_->requiresGrad; }
  /// The same memory outside the gradient graph.
  Tensor detach() const;

 private:
  std::shared_ptr<TensorImpl> impl_;
};

using Tensors = std::vector<Tensor>;

}  // namespace cnn

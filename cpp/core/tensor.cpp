// Storage takes its memory from the device's allocator and gives it back.
#include "tensor.hpp"

#include "trace.hpp"

namespace cnn {

Storage::Storage(DevicePtr device, std::size_t bytes)
    : device_(std::move(device)), id_(device_->nextStorage()), block_(device_->allocator().allocate(bytes)) {}

Storage::Storage(DevicePtr device, const Trace& trace, int value)
    : device_(std::move(device)), id_(device_->nextStorage()), trace_(trace.id), value_(value) {}

int Storage::valueIn(const Trace& trace) const { return trace_ == trace.id ? value_ : -1; }

Storage::~Storage() { device_->allocator().release(block_); }

Tensor Tensor::empty(const DevicePtr& device, const TensorDesc& desc) {
  auto impl = std::make_shared<TensorImpl>();
  impl->desc = desc;
  impl->storage = std::make_shared<Storage>(device, device->backend().bytes(desc));
  return Tensor(std::move(impl));
}

Tensor Tensor::ofBytes(const DevicePtr& device, std::size_t bytes) {
  auto impl = std::make_shared<TensorImpl>();
  impl->desc = TensorDesc(DType::uint8, {static_cast<Index>(bytes)});
  impl->storage = std::make_shared<Storage>(device, bytes);
  return Tensor(std::move(impl));
}

Tensor Tensor::symbolic(const DevicePtr& device, const TensorDesc& desc, const Trace& trace, int value) {
  auto impl = std::make_shared<TensorImpl>();
  impl->desc = desc;
  impl->storage = std::make_shared<Storage>(device, trace, value);
  return Tensor(std::move(impl));
}

Tensor Tensor::detach() const {
  auto impl = std::make_shared<TensorImpl>();
  impl->desc = impl_->desc;
  impl->storage = impl_->storage;
  return Tensor(std::move(impl));
}

}  // namespace cnn

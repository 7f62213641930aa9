// Storage takes its memory from the device's allocator and gives it back.
#include "tensor.hpp"

namespace cnn {

Storage::Storage(DevicePtr device, std::size_t bytes) : device_(std::move(device)), block_(device_->allocator().allocate(bytes)) {}

Storage::~Storage() { device_->allocator().release(block_); }

Tensor Tensor::empty(const DevicePtr& device, const TensorDesc& desc) {
  auto impl = std::make_shared<TensorImpl>();
  impl->desc = desc;
  impl->storage = std::make_shared<Storage>(device, device->backend().bytes(desc));
  return Tensor(std::move(impl));
}

Tensor Tensor::detach() const {
  auto impl = std::make_shared<TensorImpl>();
  impl->desc = impl_->desc;
  impl->storage = impl_->storage;
  return Tensor(std::move(impl));
}

}  // namespace cnn

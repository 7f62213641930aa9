// The calls behind Descriptor.
#include "descriptor.hpp"

#include <algorithm>

namespace cnn::cuda::graph {

std::string wordsOf(cudnnStatus_t status) {
  char message[1024] = "";
  cudnnGetLastErrorString(message, sizeof message);
  std::string words = cudnnGetErrorString(status);
  return message[0] ? words + ": " + message : words;
}

void accept(cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) throw Declined(status, wordsOf(status));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t made = nullptr;
  accept(cudnnBackendCreateDescriptor(type, &made));
  memory_.reset(made);
}

Descriptor& Descriptor::put(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                            const void* values) {
  accept(cudnnBackendSetAttribute(raw(), name, type, count, values));
  return *this;
}

Descriptor& Descriptor::setDescriptors(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& others) {
  std::vector<cudnnBackendDescriptor_t> list;
  for (const Descriptor& other : others) list.push_back(other.raw());
  return put(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(list.size()), list.data());
}

Descriptor& Descriptor::finalize() {
  accept(cudnnBackendFinalize(raw()));
  return *this;
}

std::int64_t Descriptor::take(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t most,
                              void* values) const {
  std::int64_t count = 0;
  accept(cudnnBackendGetAttribute(raw(), name, type, most, &count, values));
  return std::min(count, most);
}

std::vector<Descriptor> Descriptor::getDescriptors(cudnnBackendAttributeName_t name,
                                                   cudnnBackendDescriptorType_t type) const {
  std::int64_t count = 0;
  accept(cudnnBackendGetAttribute(raw(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr));
  std::vector<Descriptor> found;  // cuDNN fills descriptors that the caller made
  std::vector<cudnnBackendDescriptor_t> list;
  for (std::int64_t i = 0; i < count; i++) list.push_back(found.emplace_back(type).raw());
  if (count > 0) {
    accept(cudnnBackendGetAttribute(raw(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count, list.data()));
    found.resize(std::min(found.size(), static_cast<std::size_t>(count)));
  }
  return found;
}

}  // namespace cnn::cuda::graph

// Setting, getting and referring to attributes.
#include "descriptor.hpp"

namespace cudasim::cudnn {

std::size_t typeBytes(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_DOUBLE:
    case CUDNN_DATA_INT64: return 8;
    case CUDNN_DATA_FLOAT:
    case CUDNN_DATA_INT32:
    case CUDNN_DATA_UINT32: return 4;
    case CUDNN_DATA_HALF:
    case CUDNN_DATA_BFLOAT16: return 2;
    default: return 1;
  }
}

const char* typeName(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_FLOAT: return "float";
    case CUDNN_DATA_DOUBLE: return "double";
    case CUDNN_DATA_HALF: return "half";
    case CUDNN_DATA_BFLOAT16: return "bfloat16";
    case CUDNN_DATA_INT8: return "int8";
    case CUDNN_DATA_UINT8: return "uint8";
    case CUDNN_DATA_INT32: return "int32";
    case CUDNN_DATA_INT64: return "int64";
    case CUDNN_DATA_BOOLEAN: return "boolean";
    default: return "another type";
  }
}

std::int64_t Tensor::elements() const {
  std::int64_t n = 1;
  for (std::int64_t d : dims) n *= d;
  return n;
}

std::size_t Tensor::bytes() const {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < dims.size(); i++) last += (dims[i] - 1) * strides[i];
  return static_cast<std::size_t>(last + 1) * typeBytes(type);
}

std::string Tensor::text() const {
  auto list = [](const std::vector<std::int64_t>& values) {
    std::string out;
    for (std::int64_t each : values) out += (out.empty() ? "" : ", ") + std::to_string(each);
    return "[" + out + "]";
  };
  return cudasim::text("tensor ", uid, " ", typeName(type), list(dims), " with strides ", list(strides));
}

double Descriptor::number(cudnnBackendAttributeName_t name, double otherwise) const {
  auto found = values.find(name);
  if (found == values.end()) return otherwise;
  return found->second.type == CUDNN_TYPE_FLOAT ? double{get<float>(name)} : get<double>(name);
}

std::vector<std::int64_t> Descriptor::integers(cudnnBackendAttributeName_t name) const {
  return list<std::int64_t>(name);
}

DescriptorPtr Descriptor::part(cudnnBackendAttributeName_t name) const {
  auto found = values.find(name);
  return found == values.end() || found->second.descriptors.empty() ? nullptr : found->second.descriptors.front();
}

Tensor Descriptor::tensor() const {
  return {get<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID),
          get<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
          get<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE),
          integers(CUDNN_ATTR_TENSOR_DIMENSIONS),
          integers(CUDNN_ATTR_TENSOR_STRIDES),
          get<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL),
          get<bool>(CUDNN_ATTR_TENSOR_IS_BY_VALUE)};
}

}  // namespace cudasim::cudnn

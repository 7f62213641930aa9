// Which attributes each descriptor of cuDNN's backend API has, as the comments of cudnn_graph.h state them.
#pragma once

#include <cudnn_graph.h>

#include <cstdint>
#include <vector>

namespace cudasim::cudnn {

enum class Need { required, optional, readOnly };

struct AttributeRule {
  cudnnBackendAttributeName_t name;
  const char* text;
  std::vector<cudnnBackendAttributeType_t> types;
  std::int64_t most = 1;  // elements; at least one where it is set, except where `mayBeEmpty`
  Need need = Need::required;
  bool mayBeEmpty = false;
};

struct DescriptorRule {
  cudnnBackendDescriptorType_t type;
  const char* text;
  std::vector<AttributeRule> attributes;

  const AttributeRule* find(cudnnBackendAttributeName_t name) const;
};

/// Null for what the simulator does not know.
const DescriptorRule* ruleOf(cudnnBackendDescriptorType_t type);

/// Bytes of one element of an attribute.
std::size_t elementBytes(cudnnBackendAttributeType_t type);

}  // namespace cudasim::cudnn

// Descriptors: what was set, checked against the rules; finalised ones answer, and can be referred to.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "../runtime/ledger.hpp"
#include "rules.hpp"

struct cudnnContext {
  int device = 0;
  cudaStream_t stream = nullptr;
};

namespace cudasim::cudnn {

struct Descriptor;
struct Operations;
using DescriptorPtr = std::shared_ptr<Descriptor>;

struct Value {
  cudnnBackendAttributeType_t type;
  std::int64_t count;
  std::vector<std::byte> bytes;
  std::vector<DescriptorPtr> descriptors;
};

/// A tensor of an operation graph, read from its finalised descriptor.
struct Tensor {
  std::int64_t uid = 0, alignment = 1;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::vector<std::int64_t> dims, strides;
  bool isVirtual = false, isByValue = false;

  std::int64_t elements() const;
  /// Bytes from the first element to behind the last.
  std::size_t bytes() const;
  std::string text() const;
};

struct Descriptor {
  const DescriptorRule* rule = nullptr;
  bool isFinalized = false;
  std::map<cudnnBackendAttributeName_t, Value> values;
  std::shared_ptr<const Operations> operations;  // of a graph
  // of an execution plan: who ran it first
  std::thread::id runner;
  cudnnHandle_t runnersHandle = nullptr;

  cudnnBackendDescriptorType_t type() const { return rule->type; }
  bool has(cudnnBackendAttributeName_t name) const { return values.contains(name); }

  template <class T>
  T get(cudnnBackendAttributeName_t name, T otherwise = T{}) const {
    auto found = values.find(name);
    if (found == values.end()) return otherwise;
    T value{};
    std::memcpy(&value, found->second.bytes.data(), std::min(sizeof value, found->second.bytes.size()));
    return value;
  }
  /// A float or a double, as a double.
  double number(cudnnBackendAttributeName_t name, double otherwise) const;
  std::vector<std::int64_t> integers(cudnnBackendAttributeName_t name) const;
  template <class T>
  std::vector<T> list(cudnnBackendAttributeName_t name) const {
    auto found = values.find(name);
    if (found == values.end()) return {};
    std::vector<T> all(static_cast<std::size_t>(found->second.count));
    if (!all.empty()) std::memcpy(all.data(), found->second.bytes.data(), all.size() * sizeof(T));
    return all;
  }
  /// Null where it was not set.
  DescriptorPtr part(cudnnBackendAttributeName_t name) const;
  template <class T>
  void put(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const std::vector<T>& elements) {
    Value value{
        type, static_cast<std::int64_t>(elements.size()), std::vector<std::byte>(elements.size() * sizeof(T)), {}};
    if (!elements.empty()) std::memcpy(value.bytes.data(), elements.data(), value.bytes.size());
    values[name] = std::move(value);
  }
  Tensor tensor() const;
};

std::size_t typeBytes(cudnnDataType_t type);
const char* typeName(cudnnDataType_t type);

/// The live descriptor behind a handle; refuses what does not exist.
DescriptorPtr descriptorOf(cudnnBackendDescriptor_t handle, const char* what);
void requireHandle(cudnnHandle_t handle);

/// Checks everything that the type's finalisation checks; see finalize.cpp.
void finalize(Descriptor& descriptor);

}  // namespace cudasim::cudnn

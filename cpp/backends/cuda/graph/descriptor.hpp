// Descriptor: one object of cuDNN's backend API, whose attributes are set by their C++ types and which is freed with
// its owner.
#pragma once

#include <cudnn.h>

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/dims.hpp"

namespace cnn::cuda::graph {

/// cuDNN has nothing for what was asked. It is an answer, not a failure: whoever asked has another way.
class Declined : public std::runtime_error {
 public:
  Declined(cudnnStatus_t status, const std::string& why) : std::runtime_error(why), status(status) {}
  cudnnStatus_t status;
};

/// What cuDNN says of a failed call: the name of the status and the library's last message of this thread.
std::string wordsOf(cudnnStatus_t status);

/// Throws Declined unless the call succeeded.
void accept(cudnnStatus_t status);

/// The tag that goes with a C++ type in cuDNNs's generic setters and getters.
template <class T>
inline constexpr cudnnBackendAttributeType_t attributeType = T::hasNoAttributeType;
template <>
inline constexpr auto attributeType<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto attributeType<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto attributeType<std::int32_t> = CUDNN_TYPE_INT32;
template <>
inline constexpr auto attributeType<std::int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr auto attributeType<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto attributeType<double> = CUDNN_TYPE_DOUBLE;
template <>
inline constexpr auto attributeType<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr auto attributeType<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto attributeType<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto attributeType<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto attributeType<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto attributeType<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;
template <>
inline constexpr auto attributeType<cudnnBackendBehaviorNote_t> = CUDNN_TYPE_BEHAVIOR_NOTE;
template <>
inline constexpr auto attributeType<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto attributeType<cudnnResampleMode_t> = CUDNN_TYPE_RESAMPLE_MODE;
template <>
inline constexpr auto attributeType<cudnnPaddingMode_t> = CUDNN_TYPE_PADDING_MODE;
template <>
inline constexpr auto attributeType<cudnnNanPropagation_t> = CUDNN_TYPE_NAN_PROPOGATION;
template <>
inline constexpr auto attributeType<cudnnBackendNormMode_t> = CUDNN_TYPE_NORM_MODE;
template <>
inline constexpr auto attributeType<cudnnBackendNormFwdPhase_t> = CUDNN_TYPE_NORM_FWD_PHASE;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  explicit operator bool() const { return memory_ != nullptr; }
  cudnnBackendDescriptor_t raw() const { return memory_.get(); }

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return put(name, attributeType<T>, 1, &value);
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const T> values) {
    return put(name, attributeType<T>, static_cast<std::int64_t>(values.size()), values.data());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Dims& dims) {
    return put(name, CUDNN_TYPE_INT64, dims.size(), dims.begin());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& other) {
    return setDescriptor(name, other.raw());
  }
  Descriptor& setDescriptor(cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t other) {
    return put(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other);
  }
  Descriptor& setDescriptors(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& others);
  /// Checks what was set; from then on the descriptor only answers.
  Descriptor& finalize();

  template <class T>
  T get(cudnnBackendAttributeName_t name) const {
    T value{};
    take(name, attributeType<T>, 1, &value);
    return value;
  }
  /// Up to `most` values.
  template <class T>
  std::vector<T> getAll(cudnnBackendAttributeName_t name, std::int64_t most) const {
    std::vector<T> values(static_cast<std::size_t>(most));
    values.resize(static_cast<std::size_t>(take(name, attributeType<T>, most, values.data())));
    return values;
  }
  /// The descriptors that an attribute holds, of one type.
  std::vector<Descriptor> getDescriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const;

 private:
  struct Destroy {
    void operator()(void* memory) const { cudnnBackendDestroyDescriptor(memory); }
  };

  Descriptor& put(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                  const void* values);
  // Returns how many values there are.
  std::int64_t take(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t most,
                    void* values) const;

  std::unique_ptr<void, Destroy> memory_;
};

}  // namespace cnn::cuda::graph

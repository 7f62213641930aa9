// Graph: tensors and the operations between them, in cuDNN's terms. It must not know ops, kernels or devices.
#pragma once

#include <optional>

#include "base/desc.hpp"
#include "descriptor.hpp"
#include "target.hpp"

namespace cnn::cuda::graph {

/// cuDNN's name of an element type.
cudnnDataType_t dataType(DType dtype);

/// A tensor of a graph. Copies mean the same one.
struct Tensor {
  cudnnBackendDescriptor_t raw = nullptr;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
};

/// How a convolution's kernel walks over its input, one entry a spatial dimension.
struct ConvWindow {
  Dims stride, before, after, dilation;  // before, after: zeros added on each side
};

/// How a pooling window walks. A maximum pads with −∞, a mean with zeros that count or don't.
struct PoolWindow {
  cudnnResampleMode_t mode = CUDNN_RESAMPLE_MAXPOOL;
  Dims size, stride, before, after;
};

struct Pointwise {
  cudnnPointwiseMode_t mode = CUDNN_POINTWISE_ADD;
  std::optional<double> lowerClip, upperClip, lowerSlope;  // of ReLU
  std::optional<double> alpha;                             // of ELU
  std::optional<double> beta;                              // of softplus and Swish
};

/// Running statistics before and after a step, and the share of the step's own (momentum), a scalar.
struct RunningStatistics {
  Tensor mean, variance, newMean, newVariance, share;
};

class Graph {
 public:
  /// A tensor whose memory the caller gives when the plan runs; plans take pointers in the order in which these were
  /// added. `shape` and `strides` are [N, C, spatial…] or [O, C, kernel…] with at least two spatial dimensions.
  Tensor add(cudnnDataType_t type, const Dims& shape, const Dims& strides);
  /// A result that only the next operation reads; it never reaches memory.
  Tensor addVirtual(const Dims& shape, const Dims& strides);
  /// A float that the caller gives by a pointer to the host's memory when the plan runs; `rank` is that of the other
  /// tensors.
  Tensor addScalar(int rank);

  void convForward(const ConvWindow& window, Tensor x, Tensor weight, Tensor y);
  void convBackwardData(const ConvWindow& window, Tensor dy, Tensor weight, Tensor dx);
  void convBackwardWeight(const ConvWindow& window, Tensor x, Tensor dy, Tensor dw);
  /// y = f(x), or f(x, b) with b broadcast.
  void pointwise(const Pointwise& function, Tensor x, Tensor y);
  void pointwise(const Pointwise& function, Tensor x, Tensor b, Tensor y);
  /// Batch normalisation in training; mean and invStd are written.
  void batchNorm(Tensor x, Tensor scale, Tensor bias, Tensor epsilon, const std::optional<RunningStatistics>& running,
                 Tensor mean, Tensor invStd, Tensor y);
  void batchNormBackward(Tensor dy, Tensor x, Tensor scale, Tensor mean, Tensor invStd, Tensor dx, Tensor dscale,
                         Tensor dbias);
  /// `index` (maximum only): which element of its window each maximum came from, one byte each.
  void pool(const PoolWindow& window, Tensor x, Tensor y, std::optional<Tensor> index);
  void poolBackward(const PoolWindow& window, Tensor dy, std::optional<Tensor> index, Tensor dx);

  /// The checked graph for a device.
  Descriptor finalize(const Target& target) const;
  /// Whether it multiplies float32 numbers, which tensor cores round to TF32.
  bool hasFloat32Products() const { return hasFloat32Products_; }
  /// Bytes of each tensor that the caller gives; 0 for a scalar.
  const std::vector<std::size_t>& bytes() const { return bytes_; }

 private:
  Tensor keep(Descriptor tensor, cudnnDataType_t type);
  Tensor addPointwise(const Pointwise& function, Tensor x, const Tensor* b, Tensor y);
  // The parameters of a convolution that reads `a`.
  Descriptor& convolution(const ConvWindow& window, Tensor a);
  Descriptor& resample(const PoolWindow& window);

  std::vector<std::size_t> bytes_;
  std::int64_t virtuals_ = 0;
  bool hasFloat32Products_ = false;
  std::vector<Descriptor> parts_;  // tensors and parameters, which the operations refer to
  std::vector<Descriptor> operations_;
};

}  // namespace cnn::cuda::graph

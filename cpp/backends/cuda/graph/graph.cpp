// The operations, each as cuDNN's documentation of cudnn_graph.h lists its attributes.
#include "graph.hpp"

namespace cnn::cuda::graph {

namespace {

// Memory from the allocator starts at multiples of 64 bytes; cuDNN's widest loads need 16.
constexpr std::int64_t alignment = 16;
// Numbers of tensors between operations; those that the caller gives count from 1.
constexpr std::int64_t firstVirtual = 1000;

Descriptor tensorDescriptor(std::int64_t uid, cudnnDataType_t type, const Dims& shape, const Dims& strides) {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, shape)
      .set(CUDNN_ATTR_TENSOR_STRIDES, strides)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment);
  return tensor;
}

std::size_t bytesOf(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_DOUBLE: return 8;
    case CUDNN_DATA_FLOAT:
    case CUDNN_DATA_INT32: return 4;
    case CUDNN_DATA_HALF:
    case CUDNN_DATA_BFLOAT16: return 2;
    default: return 1;
  }
}

}  // namespace

cudnnDataType_t dataType(DType dtype) {
  switch (dtype) {
    case DType::float32: return CUDNN_DATA_FLOAT;
    case DType::float64: return CUDNN_DATA_DOUBLE;
    case DType::float16: return CUDNN_DATA_HALF;
    case DType::bfloat16: return CUDNN_DATA_BFLOAT16;
    case DType::int32: return CUDNN_DATA_INT32;
    case DType::uint8: return CUDNN_DATA_UINT8;
    case DType::boolean: return CUDNN_DATA_BOOLEAN;
  }
  return CUDNN_DATA_FLOAT;
}

Tensor Graph::keep(Descriptor tensor, cudnnDataType_t type) {
  tensor.finalize();
  return {parts_.emplace_back(std::move(tensor)).raw(), type};
}

Tensor Graph::add(cudnnDataType_t type, const Dims& shape, const Dims& strides) {
  bytes_.push_back(static_cast<std::size_t>(shape.product()) * bytesOf(type));
  return keep(tensorDescriptor(static_cast<std::int64_t>(bytes_.size()), type, shape, strides), type);
}

Tensor Graph::addVirtual(const Dims& shape, const Dims& strides) {
  Descriptor tensor = tensorDescriptor(firstVirtual + virtuals_++, CUDNN_DATA_FLOAT, shape, strides);
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
  return keep(std::move(tensor), CUDNN_DATA_FLOAT);
}

Tensor Graph::addScalar(int rank) {
  const Dims ones = Dims::filled(rank, 1);
  bytes_.push_back(0);
  Descriptor tensor = tensorDescriptor(static_cast<std::int64_t>(bytes_.size()), CUDNN_DATA_FLOAT, ones, ones);
  tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
  return keep(std::move(tensor), CUDNN_DATA_FLOAT);
}

// ---- convolution ---------------------------------------------------------------------------------------------------

Descriptor& Graph::convolution(const ConvWindow& window, Tensor a) {
  hasFloat32Products_ = hasFloat32Products_ || a.type == CUDNN_DATA_FLOAT;
  Descriptor& convolution = parts_.emplace_back(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, static_cast<std::int64_t>(window.stride.size()))
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, window.stride)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, window.before)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, window.after)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, window.dilation)
      .finalize();
  return convolution;
}

void Graph::convForward(const ConvWindow& window, Tensor x, Tensor weight, Tensor y) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution(window, x))
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, weight.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y.raw)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0f)
      .finalize();
  operations_.push_back(std::move(operation));
}

void Graph::convBackwardData(const ConvWindow& window, Tensor dy, Tensor weight, Tensor dx) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution(window, dy))
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, dy.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, weight.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx.raw)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0.0f)
      .finalize();
  operations_.push_back(std::move(operation));
}

void Graph::convBackwardWeight(const ConvWindow& window, Tensor x, Tensor dy, Tensor dw) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution(window, x))
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, dy.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, dw.raw)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0.0f)
      .finalize();
  operations_.push_back(std::move(operation));
}

// ---- element-wise --------------------------------------------------------------------------------------------------

Tensor Graph::addPointwise(const Pointwise& function, Tensor x, const Tensor* b, Tensor y) {
  Descriptor& parameters = parts_.emplace_back(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  parameters.set(CUDNN_ATTR_POINTWISE_MODE, function.mode).set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  // NaN stays: not the default.
  if (function.mode == CUDNN_POINTWISE_RELU_FWD)
    parameters.set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_PROPAGATE_NAN);
  if (function.lowerClip) parameters.set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, *function.lowerClip);
  if (function.upperClip) parameters.set(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, *function.upperClip);
  if (function.lowerSlope) parameters.set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, *function.lowerSlope);
  if (function.alpha) parameters.set(CUDNN_ATTR_POINTWISE_ELU_ALPHA, *function.alpha);
  if (function.beta) {
    bool isSoftplus = function.mode == CUDNN_POINTWISE_SOFTPLUS_FWD;
    parameters.set(isSoftplus ? CUDNN_ATTR_POINTWISE_SOFTPLUS_BETA : CUDNN_ATTR_POINTWISE_SWISH_BETA, *function.beta);
  }
  parameters.finalize();
  Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, parameters)
      .setDescriptor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x.raw);
  if (b) operation.setDescriptor(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b->raw);
  operation.setDescriptor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y.raw).finalize();
  operations_.push_back(std::move(operation));
  return y;
}

void Graph::pointwise(const Pointwise& function, Tensor x, Tensor y) { addPointwise(function, x, nullptr, y); }
void Graph::pointwise(const Pointwise& function, Tensor x, Tensor b, Tensor y) { addPointwise(function, x, &b, y); }

// ---- batch normalisation -------------------------------------------------------------------------------------------

void Graph::batchNorm(Tensor x, Tensor scale, Tensor bias, Tensor epsilon,
                      const std::optional<RunningStatistics>& running, Tensor mean, Tensor invStd, Tensor y) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_BATCH_NORM)
      .set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_NORM_FWD_TRAINING)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, x.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, scale.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, bias.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, epsilon.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, mean.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, invStd.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, y.raw);
  if (running) {
    operation.setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, running->share.raw)
        .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, running->mean.raw)
        .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, running->variance.raw)
        .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, running->newMean.raw)
        .setDescriptor(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, running->newVariance.raw);
  }
  operation.finalize();
  operations_.push_back(std::move(operation));
}

void Graph::batchNormBackward(Tensor dy, Tensor x, Tensor scale, Tensor mean, Tensor invStd, Tensor dx, Tensor dscale,
                              Tensor dbias) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_BATCH_NORM)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, dy.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, x.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, scale.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, mean.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, invStd.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, dx.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, dscale.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, dbias.raw)
      .finalize();
  operations_.push_back(std::move(operation));
}

// ---- pooling -------------------------------------------------------------------------------------------------------

Descriptor& Graph::resample(const PoolWindow& window) {
  bool isMaximum = window.mode == CUDNN_RESAMPLE_MAXPOOL;
  Descriptor& resample = parts_.emplace_back(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR);
  resample.set(CUDNN_ATTR_RESAMPLE_MODE, window.mode)
      .set(CUDNN_ATTR_RESAMPLE_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_RESAMPLE_NAN_PROPAGATION, CUDNN_PROPAGATE_NAN)
      .set(CUDNN_ATTR_RESAMPLE_PADDING_MODE, isMaximum ? CUDNN_NEG_INF_PAD : CUDNN_ZERO_PAD)
      .set(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, static_cast<std::int64_t>(window.size.size()))
      .set(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, window.size)
      .set(CUDNN_ATTR_RESAMPLE_STRIDES, window.stride)
      .set(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, window.before)
      .set(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, window.after)
      .finalize();
  return resample;
}

void Graph::pool(const PoolWindow& window, Tensor x, Tensor y, std::optional<Tensor> index) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, resample(window))
      .setDescriptor(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, x.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, y.raw);
  if (index) operation.setDescriptor(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, index->raw);
  operation.finalize();
  operations_.push_back(std::move(operation));
}

void Graph::poolBackward(const PoolWindow& window, Tensor dy, std::optional<Tensor> index, Tensor dx) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, resample(window))
      .setDescriptor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, dy.raw)
      .setDescriptor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, dx.raw);
  if (index) operation.setDescriptor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, index->raw);
  operation.finalize();
  operations_.push_back(std::move(operation));
}

Descriptor Graph::finalize(const Target& target) const {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (target.handle) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, target.handle);
  graph.setDescriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_).finalize();
  return graph;
}

}  // namespace cnn::cuda::graph

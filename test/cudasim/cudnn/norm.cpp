// Batch normalisation in training, and its gradient.
#include <cmath>

#include "compute.hpp"

namespace cudasim::cudnn {

namespace {

// Calls visit(element, channel) for all of x [N, C, spatial…].
template <class Visit>
void eachChannel(const std::vector<std::int64_t>& dims, Visit visit) {
  std::size_t channels = static_cast<std::size_t>(dims[1]), plane = 1, i = 0;
  for (std::size_t axis = 2; axis < dims.size(); axis++) plane *= static_cast<std::size_t>(dims[axis]);
  for (std::int64_t n = 0; n < dims[0]; n++) {
    for (std::size_t c = 0; c < channels; c++) {
      for (std::size_t p = 0; p < plane; p++) visit(i++, c);
    }
  }
}

}  // namespace

void runNormForward(const Operation& operation, Arrays& arrays) {
  if (operation.descriptor->get<cudnnBackendNormMode_t>(CUDNN_ATTR_OPERATION_NORM_FWD_MODE) != CUDNN_BATCH_NORM) {
    refuse(CUDNN_STATUS_NOT_SUPPORTED, "only the batch norm is simulated");
  }
  auto in = [&](auto name) -> const Array& { return arrays.at(operation.tensor(name)->uid); };
  const Array& x = in(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC);
  const Array &scale = in(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC),
              &bias = in(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC);
  double epsilon = in(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC).data[0];
  const Tensor &meanTensor = *operation.tensor(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC),
               &invTensor = *operation.tensor(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC);
  Array mean(meanTensor.dims), variance(meanTensor.dims), inverse(meanTensor.dims), y(x.dims);
  auto count = static_cast<double>(x.data.size()) / static_cast<double>(mean.data.size());
  eachChannel(x.dims, [&](std::size_t i, std::size_t c) { mean.data[c] += x.data[i] / count; });
  eachChannel(x.dims, [&](std::size_t i, std::size_t c) {
    variance.data[c] += (x.data[i] - mean.data[c]) * (x.data[i] - mean.data[c]) / count;
  });
  for (std::size_t c = 0; c < mean.data.size(); c++) inverse.data[c] = 1 / std::sqrt(variance.data[c] + epsilon);
  eachChannel(x.dims, [&](std::size_t i, std::size_t c) {
    y.data[i] = (x.data[i] - mean.data[c]) * inverse.data[c] * scale.data[c] + bias.data[c];
  });
  if (const Tensor* newMean = operation.tensor(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC)) {
    const bool isBiased = setting("CUDASIM_RUNNING_VARIANCE", "unbiased") == "biased";
    double share = in(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC).data[0];
    Array runningMean = in(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC),
          runningVariance = in(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC);
    for (std::size_t c = 0; c < mean.data.size(); c++) {
      runningMean.data[c] += share * (mean.data[c] - runningMean.data[c]);
      double sample = isBiased ? variance.data[c] : variance.data[c] * count / (count - 1);
      runningVariance.data[c] += share * (sample - runningVariance.data[c]);
    }
    arrays[newMean->uid] = std::move(runningMean);
    arrays[operation.tensor(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC)->uid] = std::move(runningVariance);
  }
  arrays[meanTensor.uid] = std::move(mean);
  arrays[invTensor.uid] = std::move(inverse);
  arrays[operation.tensor(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC)->uid] = std::move(y);
}

void runNormBackward(const Operation& operation, Arrays& arrays) {
  if (operation.descriptor->get<cudnnBackendNormMode_t>(CUDNN_ATTR_OPERATION_NORM_BWD_MODE) != CUDNN_BATCH_NORM) {
    refuse(CUDNN_STATUS_NOT_SUPPORTED, "only the batch norm is simulated");
  }
  auto in = [&](auto name) -> const Array& { return arrays.at(operation.tensor(name)->uid); };
  const Array &x = in(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC), &dy = in(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC);
  const Array& scale = in(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC);
  const Array &mean = in(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC),
              &inverse = in(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC);
  Array dx(x.dims), dscale(scale.dims), dbias(scale.dims);
  auto count = static_cast<double>(x.data.size()) / static_cast<double>(mean.data.size());
  auto normal = [&](std::size_t i, std::size_t c) { return (x.data[i] - mean.data[c]) * inverse.data[c]; };
  eachChannel(x.dims, [&](std::size_t i, std::size_t c) {
    dscale.data[c] += dy.data[i] * normal(i, c);
    dbias.data[c] += dy.data[i];
  });
  eachChannel(x.dims, [&](std::size_t i, std::size_t c) {
    dx.data[i] =
        scale.data[c] * inverse.data[c] * (dy.data[i] - dbias.data[c] / count - normal(i, c) * dscale.data[c] / count);
  });
  arrays[operation.tensor(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC)->uid] = std::move(dx);
  arrays[operation.tensor(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC)->uid] = std::move(dscale);
  arrays[operation.tensor(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC)->uid] = std::move(dbias);
}

}  // namespace cudasim::cudnn

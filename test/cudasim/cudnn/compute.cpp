// Loads, runs and stores a graph; the pointwise functions and reductions.
#include "compute.hpp"

#include <algorithm>
#include <cmath>

#include "../runtime/halves.hpp"

namespace cudasim::cudnn {

Array::Array(std::vector<std::int64_t> shape, double value) : dims(std::move(shape)) {
  std::size_t n = 1;
  for (std::int64_t d : dims) n *= static_cast<std::size_t>(d);
  data.assign(n, value);
}

namespace {

// visit(logical index, memory offset) for every element, in row-major order.
template <class Visit>
void eachElement(const Tensor& tensor, Visit visit) {
  std::size_t rank = tensor.dims.size();
  std::vector<std::int64_t> at(rank, 0);
  std::int64_t offset = 0, n = tensor.elements();
  for (std::int64_t i = 0; i < n; i++) {
    visit(static_cast<std::size_t>(i), offset);
    for (std::size_t axis = rank; axis-- > 0;) {
      offset += tensor.strides[axis];
      if (++at[axis] < tensor.dims[axis]) break;
      offset -= at[axis] * tensor.strides[axis];
      at[axis] = 0;
    }
  }
}

template <class T>
double toDouble(T value) {
  return static_cast<double>(value);
}

template <class T, class Convert>
void loadAs(const Tensor& tensor, const void* memory, Array& array, Convert convert) {
  auto from = static_cast<const T*>(memory);
  eachElement(tensor, [&](std::size_t i, std::int64_t offset) { array.data[i] = convert(from[offset]); });
}

template <class T, class Convert>
void storeAs(const Tensor& tensor, void* memory, const Array& array, Convert convert) {
  auto to = static_cast<T*>(memory);
  eachElement(tensor, [&](std::size_t i, std::int64_t offset) { to[offset] = convert(array.data[i]); });
}

}  // namespace

Array load(const Tensor& tensor, const void* memory) {
  Array array(tensor.dims);
  switch (tensor.type) {
    case CUDNN_DATA_FLOAT: loadAs<float>(tensor, memory, array, toDouble<float>); break;
    case CUDNN_DATA_DOUBLE: loadAs<double>(tensor, memory, array, toDouble<double>); break;
    case CUDNN_DATA_HALF: loadAs<std::uint16_t>(tensor, memory, array, halfToDouble); break;
    case CUDNN_DATA_BFLOAT16: loadAs<std::uint16_t>(tensor, memory, array, bfloat16ToDouble); break;
    case CUDNN_DATA_INT8: loadAs<std::int8_t>(tensor, memory, array, toDouble<std::int8_t>); break;
    case CUDNN_DATA_INT32: loadAs<std::int32_t>(tensor, memory, array, toDouble<std::int32_t>); break;
    default: refuse(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "the simulator reads no ", typeName(tensor.type));
  }
  return array;
}

void store(const Tensor& tensor, const Array& array, void* memory) {
  switch (tensor.type) {
    case CUDNN_DATA_FLOAT: storeAs<float>(tensor, memory, array, [](double v) { return static_cast<float>(v); }); break;
    case CUDNN_DATA_DOUBLE: storeAs<double>(tensor, memory, array, [](double v) { return v; }); break;
    case CUDNN_DATA_HALF: storeAs<std::uint16_t>(tensor, memory, array, doubleToHalf); break;
    case CUDNN_DATA_BFLOAT16: storeAs<std::uint16_t>(tensor, memory, array, doubleToBfloat16); break;
    case CUDNN_DATA_INT8:
      storeAs<std::int8_t>(tensor, memory, array, [](double v) { return static_cast<std::int8_t>(v); });
      break;
    case CUDNN_DATA_INT32:
      storeAs<std::int32_t>(tensor, memory, array, [](double v) { return static_cast<std::int32_t>(v); });
      break;
    default: refuse(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "the simulator writes no ", typeName(tensor.type));
  }
}

double rounded(double value, cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_FLOAT: return static_cast<float>(value);
    case CUDNN_DATA_HALF: return halfToDouble(doubleToHalf(value));
    case CUDNN_DATA_BFLOAT16: return bfloat16ToDouble(doubleToBfloat16(value));
    default: return value;
  }
}

// ---- pointwise

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
// As the GPU's: a NaN wins.
double larger(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double smaller(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }

struct Function {
  cudnnPointwiseMode_t mode;
  double lower, upper, slope, alpha, softplus, swish;
  bool keepsNaN;

  explicit Function(const Descriptor& d)
      : mode(d.get<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE)),
        lower(d.number(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0)),
        upper(d.number(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, std::numeric_limits<double>::max())),
        slope(d.number(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 0)),
        alpha(d.number(CUDNN_ATTR_POINTWISE_ELU_ALPHA, 1)),
        softplus(d.number(CUDNN_ATTR_POINTWISE_SOFTPLUS_BETA, 1)),
        swish(d.number(CUDNN_ATTR_POINTWISE_SWISH_BETA, 1)),
        keepsNaN(d.has(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION) &&
                 d.get<cudnnNanPropagation_t>(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION) == CUDNN_PROPAGATE_NAN) {}

  double relu(double x) const {
    if (std::isnan(x)) return keepsNaN ? x : lower;
    if (x > upper) return upper;
    return x < lower ? lower + slope * (x - lower) : x;
  }

  // b: the second input, or dy
  double operator()(double x, double b) const {
    switch (mode) {
      case CUDNN_POINTWISE_ADD: return x + b;
      case CUDNN_POINTWISE_ADD_SQUARE: return x + b * b;
      case CUDNN_POINTWISE_SUB: return x - b;
      case CUDNN_POINTWISE_MUL: return x * b;
      case CUDNN_POINTWISE_DIV: return x / b;
      case CUDNN_POINTWISE_MAX: return larger(x, b);
      case CUDNN_POINTWISE_MIN: return smaller(x, b);
      case CUDNN_POINTWISE_MOD: return std::fmod(x, b);
      case CUDNN_POINTWISE_POW: return std::pow(x, b);
      case CUDNN_POINTWISE_ABS: return std::fabs(x);
      case CUDNN_POINTWISE_CEIL: return std::ceil(x);
      case CUDNN_POINTWISE_FLOOR: return std::floor(x);
      case CUDNN_POINTWISE_COS: return std::cos(x);
      case CUDNN_POINTWISE_SIN: return std::sin(x);
      case CUDNN_POINTWISE_TAN: return std::tan(x);
      case CUDNN_POINTWISE_EXP: return std::exp(x);
      case CUDNN_POINTWISE_LOG: return std::log(x);
      case CUDNN_POINTWISE_NEG: return -x;
      case CUDNN_POINTWISE_RSQRT: return 1 / std::sqrt(x);
      case CUDNN_POINTWISE_SQRT: return std::sqrt(x);
      case CUDNN_POINTWISE_ERF: return std::erf(x);
      case CUDNN_POINTWISE_IDENTITY: return x;
      case CUDNN_POINTWISE_RECIPROCAL: return 1 / x;
      case CUDNN_POINTWISE_RELU_FWD: return relu(x);
      case CUDNN_POINTWISE_TANH_FWD: return std::tanh(x);
      case CUDNN_POINTWISE_SIGMOID_FWD: return sigmoid(x);
      case CUDNN_POINTWISE_ELU_FWD: return x < 0 ? alpha * std::expm1(x) : x;
      case CUDNN_POINTWISE_GELU_FWD: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
      case CUDNN_POINTWISE_GELU_APPROX_TANH_FWD:
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
      case CUDNN_POINTWISE_SOFTPLUS_FWD: return std::log1p(std::exp(softplus * x)) / softplus;
      case CUDNN_POINTWISE_SWISH_FWD: return x * sigmoid(swish * x);
      case CUDNN_POINTWISE_RELU_BWD: return x > upper ? 0 : x < lower ? slope * b : b;
      case CUDNN_POINTWISE_TANH_BWD: return b * (1 - std::tanh(x) * std::tanh(x));
      case CUDNN_POINTWISE_SIGMOID_BWD: return b * sigmoid(x) * (1 - sigmoid(x));
      default: refuse(CUDNN_STATUS_NOT_SUPPORTED, "pointwise mode ", static_cast<int>(mode), " is not simulated");
    }
  }
};

// Index into `small` of element i of `large`, dimensions of one element repeated.
std::size_t broadcastIndex(std::size_t i, const Array& large, const Array& small) {
  std::size_t index = 0, step = 1;
  for (std::size_t axis = large.dims.size(); axis-- > 0;) {
    auto size = static_cast<std::size_t>(large.dims[axis]);
    std::size_t at = i % size;
    i /= size;
    if (small.dims[axis] != 1) index += at * step;
    step *= static_cast<std::size_t>(small.dims[axis]);
  }
  return index;
}

}  // namespace

void runPointwise(const Operation& operation, Arrays& arrays) {
  const Descriptor& d = *operation.descriptor;
  Function function(*d.part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR));
  const Tensor* second = operation.tensor(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
  if (!second) second = operation.tensor(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC);
  const Array& x = arrays.at(operation.tensor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC)->uid);
  const Array* b = second ? &arrays.at(second->uid) : nullptr;
  double alpha1 = d.number(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1),
         alpha2 = d.number(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1);
  const Tensor& out = operation.outputs.front().second;
  Array y(out.dims);
  for (std::size_t i = 0; i < y.data.size(); i++) {
    double left = x.dims == y.dims ? x.data[i] : x.data[broadcastIndex(i, y, x)];
    double right = !b ? 0 : b->dims == y.dims ? b->data[i] : b->data[broadcastIndex(i, y, *b)];
    y.data[i] = function(alpha1 * left, alpha2 * right);
  }
  arrays[out.uid] = std::move(y);
}

void runReduction(const Operation& operation, Arrays& arrays) {
  const Array& x = arrays.at(operation.inputs.front().second.uid);
  const Tensor& out = operation.outputs.front().second;
  auto what = operation.descriptor->part(CUDNN_ATTR_OPERATION_REDUCTION_DESC)
                  ->get<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double start = what == CUDNN_REDUCE_TENSOR_MUL   ? 1
                 : what == CUDNN_REDUCE_TENSOR_MIN ? infinity
                 : what == CUDNN_REDUCE_TENSOR_MAX ? -infinity
                                                   : 0;
  Array y(out.dims, start);
  for (std::size_t i = 0; i < x.data.size(); i++) {
    double& sum = y.data[broadcastIndex(i, x, y)];
    double v = x.data[i];
    switch (what) {
      case CUDNN_REDUCE_TENSOR_ADD:
      case CUDNN_REDUCE_TENSOR_AVG: sum += v; break;
      case CUDNN_REDUCE_TENSOR_MUL: sum *= v; break;
      case CUDNN_REDUCE_TENSOR_MIN: sum = smaller(sum, v); break;
      case CUDNN_REDUCE_TENSOR_MAX: sum = larger(sum, v); break;
      case CUDNN_REDUCE_TENSOR_AMAX: sum = larger(sum, std::fabs(v)); break;
      case CUDNN_REDUCE_TENSOR_NORM1: sum += std::fabs(v); break;
      case CUDNN_REDUCE_TENSOR_NORM2: sum += v * v; break;
      default: refuse(CUDNN_STATUS_NOT_SUPPORTED, "reduction ", static_cast<int>(what), " is not simulated");
    }
  }
  auto count = static_cast<double>(x.data.size()) / static_cast<double>(y.data.size());
  for (double& each : y.data) {
    if (what == CUDNN_REDUCE_TENSOR_AVG) each /= count;
    if (what == CUDNN_REDUCE_TENSOR_NORM2) each = std::sqrt(each);
  }
  arrays[out.uid] = std::move(y);
}

void run(const Operations& operations, const std::map<std::int64_t, void*>& memory,
         const std::map<std::int64_t, double>& values) {
  Arrays arrays;
  for (const auto& [uid, tensor] : operations.tensors) {
    if (tensor.isByValue) arrays[uid] = Array(tensor.dims, values.at(uid));
  }
  for (const Operation& operation : operations.list) {
    for (const auto& [name, tensor] : operation.inputs) {
      if (!arrays.contains(tensor.uid)) arrays[tensor.uid] = load(tensor, memory.at(tensor.uid));
    }
    switch (operation.descriptor->type()) {
      case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: runPointwise(operation, arrays); break;
      case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: runReduction(operation, arrays); break;
      case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
      case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR: runResample(operation, arrays); break;
      case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR: runNormForward(operation, arrays); break;
      case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR: runNormBackward(operation, arrays); break;
      default: runConvolution(operation, arrays);
    }
    for (const auto& [name, tensor] : operation.outputs) {
      if (!tensor.isVirtual) continue;
      for (double& value : arrays.at(tensor.uid).data) value = rounded(value, tensor.type);
    }
  }
  // all inputs are read before the first output is written
  for (const auto& [uid, tensor] : operations.tensors) {
    if (operations.written.contains(uid) && !tensor.isVirtual) store(tensor, arrays.at(uid), memory.at(uid));
  }
}

}  // namespace cudasim::cudnn

// The checks of operations and of whole graphs.
#include "graph.hpp"

#include <algorithm>

namespace cudasim::cudnn {

namespace {

using Name = cudnnBackendAttributeName_t;

struct Ports {
  std::vector<Name> inputs, outputs;
};

Ports portsOf(cudnnBackendDescriptorType_t type) {
  switch (type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W},
              {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y}};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W},
              {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX}};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY},
              {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW}};
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
               CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, CUDNN_ATTR_OPERATION_POINTWISE_TDESC},
              {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, CUDNN_ATTR_OPERATION_POINTWISE_DXDESC}};
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_REDUCTION_XDESC}, {CUDNN_ATTR_OPERATION_REDUCTION_YDESC}};
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC},
              {CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC}};
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC,
               CUDNN_ATTR_OPERATION_RESAMPLE_BWD_XDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_YDESC},
              {CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC}};
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC,
               CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC,
               CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC,
               CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC},
              {CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC,
               CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC,
               CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC}};
    case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
      return {{CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, CUDNN_ATTR_OPERATION_NORM_BWD_XDESC,
               CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC,
               CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, CUDNN_ATTR_OPERATION_NORM_BWD_EPSILON_DESC},
              {CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC,
               CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC}};
    default: return {};
  }
}

bool isConvolution(cudnnBackendDescriptorType_t type) {
  return type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
         type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ||
         type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
}
bool isNorm(cudnnBackendDescriptorType_t type) {
  return type == CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR ||
         type == CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR;
}
bool isResample(cudnnBackendDescriptorType_t type) {
  return type == CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR ||
         type == CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR;
}

template <class... Parts>
[[noreturn]] void bad(const Descriptor& d, const Parts&... parts) {
  refuse(CUDNN_STATUS_BAD_PARAM, d.rule->text, ": ", parts...);
}

Tensor tensorOf(const Descriptor& d, Name name) {
  DescriptorPtr part = d.part(name);
  if (!part) bad(d, "the attribute ", d.rule->find(name)->text, " is missing");
  if (part->type() != CUDNN_BACKEND_TENSOR_DESCRIPTOR)
    bad(d, d.rule->find(name)->text, " is no tensor but a ", part->rule->text);
  return part->tensor();
}

// ---- strides: which way a tensor lies, counting only dimensions of more than one element

bool follows(const Tensor& t, bool channelsLast) {
  std::vector<std::size_t> order;  // innermost first
  if (channelsLast && t.dims.size() > 1) order.push_back(1);
  for (std::size_t i = t.dims.size(); i-- > 0;) {
    if (i != 1 || !channelsLast || t.dims.size() < 2) order.push_back(i);
  }
  std::int64_t step = 1;
  for (std::size_t i : order) {
    if (t.dims[i] == 1) continue;
    if (t.strides[i] != step) return false;
    step *= t.dims[i];
  }
  return true;
}

// All the tensors must lie the same way, densely.
void requireOneLayout(const Descriptor& d, const std::vector<Tensor>& tensors) {
  auto all = [&](bool channelsLast) {
    return std::all_of(tensors.begin(), tensors.end(), [&](const Tensor& t) { return follows(t, channelsLast); });
  };
  if (all(true) || all(false)) return;
  std::string list;
  for (const Tensor& t : tensors) list += (list.empty() ? "" : "; ") + t.text();
  refuse(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, d.rule->text,
         ": the tensors are not all channels-last, nor all plain: ", list);
}

void requireChannelsLast(const Descriptor& d, const std::vector<Tensor>& tensors) {
  for (const Tensor& t : tensors) {
    if (!follows(t, true))
      refuse(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, d.rule->text, " exists for channels-last tensors only: ", t.text());
  }
}

void requireSame(const Descriptor& d, const Tensor& a, const Tensor& b) {
  if (a.dims != b.dims) bad(d, "shapes differ: ", a.text(), " and ", b.text());
}

// ---- operations

void checkConvolution(const Descriptor& d, Name xName, Name wName, Name yName, Name convName) {
  Tensor x = tensorOf(d, xName), w = tensorOf(d, wName), y = tensorOf(d, yName);
  DescriptorPtr conv = d.part(convName);
  if (conv->type() != CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR) bad(d, "the convolution is a ", conv->rule->text);
  auto spatial = static_cast<std::size_t>(conv->get<std::int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS));
  for (const Tensor& t : {x, w, y}) {
    if (t.dims.size() != spatial + 2) bad(d, spatial, " spatial dimensions, but ", t.text());
  }
  auto wrong = [&](const char* what) { bad(d, what, ": x ", x.text(), ", w ", w.text(), ", y ", y.text()); };
  if (x.dims[0] != y.dims[0]) wrong("the batch sizes differ");
  if (w.dims[0] != y.dims[1]) wrong("w has another number of output channels than y");
  if (x.dims[1] % w.dims[1] != 0) wrong("the channels of x are no multiple of those of w");
  if (w.dims[0] % (x.dims[1] / w.dims[1]) != 0) wrong("the output channels are no multiple of the groups");
  auto pre = conv->integers(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
       post = conv->integers(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
  auto stride = conv->integers(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
       dilation = conv->integers(CUDNN_ATTR_CONVOLUTION_DILATIONS);
  for (std::size_t i = 0; i < spatial; i++) {
    std::int64_t room = x.dims[i + 2] + pre[i] + post[i] - ((w.dims[i + 2] - 1) * dilation[i] + 1);
    if (room < 0 || room / stride[i] + 1 != y.dims[i + 2]) wrong("the spatial sizes don't fit");
  }
  requireOneLayout(d, {x, w, y});
}

void checkPointwise(const Descriptor& d) {
  DescriptorPtr pointwise = d.part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
  if (pointwise->type() != CUDNN_BACKEND_POINTWISE_DESCRIPTOR) bad(d, "the function is a ", pointwise->rule->text);
  auto mode = pointwise->get<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
  bool isBackward = mode >= CUDNN_POINTWISE_RELU_BWD && mode <= CUDNN_POINTWISE_GELU_APPROX_TANH_BWD;
  Tensor x = tensorOf(d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
  Tensor out = tensorOf(d, isBackward ? CUDNN_ATTR_OPERATION_POINTWISE_DXDESC : CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
  if (isBackward) requireSame(d, tensorOf(d, CUDNN_ATTR_OPERATION_POINTWISE_DYDESC), out);
  bool isDual = mode <= CUDNN_POINTWISE_SUB && mode != CUDNN_POINTWISE_SQRT;
  if (mode >= CUDNN_POINTWISE_CMP_EQ)
    decline(CUDNN_STATUS_NOT_SUPPORTED, "pointwise mode ", static_cast<int>(mode), " is not simulated");
  if (isDual != d.has(CUDNN_ATTR_OPERATION_POINTWISE_BDESC)) {
    bad(d, "mode ", static_cast<int>(mode), isDual ? " needs a second input" : " takes one input only");
  }
  std::vector<Tensor> inputs = {x};
  if (isDual) inputs.push_back(tensorOf(d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC));
  for (std::size_t axis = 0; axis < out.dims.size(); axis++) {
    std::int64_t widest = 1;
    for (const Tensor& t : inputs) {
      if (t.dims.size() != out.dims.size()) bad(d, "ranks differ: ", t.text(), " and ", out.text());
      if (t.dims[axis] != 1 && t.dims[axis] != out.dims[axis])
        bad(d, "can't be broadcast: ", t.text(), " to ", out.text());
      widest = std::max(widest, t.dims[axis]);
    }
    if (widest != out.dims[axis]) bad(d, "the output is larger than the inputs: ", out.text());
  }
}

void checkReduction(const Descriptor& d) {
  Tensor x = tensorOf(d, CUDNN_ATTR_OPERATION_REDUCTION_XDESC), y = tensorOf(d, CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
  if (x.dims.size() != y.dims.size()) bad(d, "ranks differ: ", x.text(), " and ", y.text());
  for (std::size_t i = 0; i < x.dims.size(); i++) {
    if (y.dims[i] != 1 && y.dims[i] != x.dims[i])
      bad(d, "y must have the size of x, or 1: ", x.text(), " and ", y.text());
  }
}

void checkWindows(const Descriptor& d, const Descriptor& resample, const Tensor& x, const Tensor& y) {
  auto window = resample.integers(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS),
       stride = resample.integers(CUDNN_ATTR_RESAMPLE_STRIDES);
  auto pre = resample.integers(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS),
       post = resample.integers(CUDNN_ATTR_RESAMPLE_POST_PADDINGS);
  if (x.dims.size() != window.size() + 2 || y.dims.size() != x.dims.size())
    bad(d, window.size(), " spatial dimensions, but ", x.text(), " and ", y.text());
  if (x.dims[0] != y.dims[0] || x.dims[1] != y.dims[1])
    bad(d, "batch or channels differ: ", x.text(), " and ", y.text());
  for (std::size_t i = 0; i < window.size(); i++) {
    std::int64_t room = x.dims[i + 2] + pre[i] + post[i] - window[i];
    if (room < 0 || room / stride[i] + 1 != y.dims[i + 2])
      bad(d, "the spatial sizes don't fit: ", x.text(), " and ", y.text());
    if (pre[i] < 0 || post[i] < 0 || pre[i] >= window[i])
      bad(d, "a padding of ", pre[i], " and ", post[i], " for a window of ", window[i]);
  }
}

void checkResample(const Descriptor& d, bool isBackward) {
  auto pick = [&](Name forward, Name backward) { return isBackward ? backward : forward; };
  DescriptorPtr resample = d.part(pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC));
  if (resample->type() != CUDNN_BACKEND_RESAMPLE_DESCRIPTOR) bad(d, "the window is a ", resample->rule->text);
  Tensor x = tensorOf(d, pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC));
  Tensor y = tensorOf(d, pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC));
  checkWindows(d, *resample, x, y);
  bool isMaximum =
      resample->get<cudnnResampleMode_t>(CUDNN_ATTR_RESAMPLE_MODE, CUDNN_RESAMPLE_NEAREST) == CUDNN_RESAMPLE_MAXPOOL;
  Name index = pick(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC);
  std::vector<Tensor> all = {x, y};
  if (d.has(index)) {
    if (!isMaximum) bad(d, "indices belong to the maximum only");
    all.push_back(tensorOf(d, index));
    requireSame(d, all.back(), y);
    if (all.back().type != CUDNN_DATA_INT8) bad(d, "indices are int8, not ", typeName(all.back().type));
  } else if (isBackward && isMaximum) {
    bad(d, "the backward of a maximum needs the indices");
  }
  requireOneLayout(d, all);
}

void checkNorm(const Descriptor& d, bool isBackward) {
  auto pick = [&](Name forward, Name backward) { return isBackward ? backward : forward; };
  Tensor x = tensorOf(d, pick(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, CUDNN_ATTR_OPERATION_NORM_BWD_XDESC));
  Tensor y = tensorOf(d, pick(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC));
  requireSame(d, x, y);
  std::vector<Tensor> large = {x, y};
  if (isBackward) large.push_back(tensorOf(d, CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC));
  requireSame(d, x, large.back());
  if (x.dims.size() < 4)
    refuse(CUDNN_STATUS_NOT_SUPPORTED_SHAPE, d.rule->text, ": x needs four or five dimensions: ", x.text());
  requireChannelsLast(d, large);

  std::vector<std::int64_t> channels(x.dims.size(), 1);
  channels[1] = x.dims[1];
  Ports ports = portsOf(d.type());
  ports.inputs.insert(ports.inputs.end(), ports.outputs.begin(), ports.outputs.end());
  for (Name name : ports.inputs) {
    if (!d.has(name)) continue;
    Tensor t = tensorOf(d, name);
    if (t.dims == x.dims && t.uid == x.uid) continue;
    bool isLarge = std::any_of(large.begin(), large.end(), [&](const Tensor& each) { return each.uid == t.uid; });
    bool isScalar = name == CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC ||
                    name == CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC ||
                    name == CUDNN_ATTR_OPERATION_NORM_BWD_EPSILON_DESC;
    if (isScalar && !t.isByValue) bad(d, d.rule->find(name)->text, " must be by value: ", t.text());
    if (!isScalar && !isLarge && t.dims != channels)
      bad(d, d.rule->find(name)->text, " must have one element a channel: ", t.text());
    if (!isLarge && t.type != CUDNN_DATA_FLOAT)
      refuse(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, d.rule->text, ": parameters and statistics are float: ", t.text());
  }
  if (isBackward) {
    tensorOf(d, CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC);
    tensorOf(d, CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC);
    return;
  }
  if (d.get<cudnnBackendNormFwdPhase_t>(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE) == CUDNN_NORM_FWD_TRAINING) {
    tensorOf(d, CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC);
    tensorOf(d, CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC);
  }
  int running = 0;
  for (Name name :
       {CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC}) {
    running += d.has(name);
  }
  if (running != 0 && running != 5)
    bad(d, "running statistics need their four tensors and the factor, ", running, " of the five are set");
}

// ---- graphs

bool isSameTensor(const Tensor& a, const Tensor& b) {
  return a.type == b.type && a.dims == b.dims && a.strides == b.strides && a.alignment == b.alignment &&
         a.isVirtual == b.isVirtual && a.isByValue == b.isByValue;
}

void sort(const Descriptor& d, Operations& operations) {
  std::vector<Operation> sorted;
  std::set<std::int64_t> made;
  auto isReady = [&](const Operation& operation) {
    return std::all_of(operation.inputs.begin(), operation.inputs.end(), [&](const auto& input) {
      return !operations.written.contains(input.second.uid) || made.contains(input.second.uid);
    });
  };
  while (!operations.list.empty()) {
    auto next = std::find_if(operations.list.begin(), operations.list.end(), isReady);
    if (next == operations.list.end()) bad(d, "the operations wait for each other in a circle");
    for (const auto& [name, tensor] : next->outputs) made.insert(tensor.uid);
    sorted.push_back(*next);
    operations.list.erase(next);
  }
  operations.list = std::move(sorted);
}

bool isFloating(cudnnDataType_t type) {
  return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_HALF || type == CUDNN_DATA_BFLOAT16;
}

// What the documentation lists as the types of an operation.
bool hasKnownTypes(const Operation& operation) {
  auto type = operation.descriptor->type();
  const Tensor& first = operation.inputs.front().second;
  if (isConvolution(type)) {
    const Tensor &second = operation.inputs[1].second, &out = operation.outputs.front().second;
    if (first.type != second.type) return false;
    bool isDouble = first.type == CUDNN_DATA_DOUBLE && out.type == CUDNN_DATA_DOUBLE;
    return isDouble || (isFloating(first.type) && (out.type == first.type || out.type == CUDNN_DATA_FLOAT));
  }
  if (isNorm(type) || isResample(type))
    return isFloating(first.type) && operation.outputs.front().second.type == first.type;
  return isFloating(first.type);
}

std::string_view family(cudnnBackendDescriptorType_t type) {
  if (isConvolution(type)) return "conv";
  if (isNorm(type)) return "norm";
  if (isResample(type)) return "resample";
  return type == CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR ? "reduction" : "pointwise";
}

// CUDASIM_DECLINE=conv,norm: families for which there is no engine; "fusion" for graphs of several operations.
bool isDeclined(std::string_view name) {
  std::istringstream list(setting("CUDASIM_DECLINE", ""));
  for (std::string each; std::getline(list, each, ',');) {
    if (each == name) return true;
  }
  return false;
}

// CUDASIM_MOST_ELEMENTS=n: no engine for tensors of more, as where elements are counted in 32 bits.
bool isTooLarge(const Operations& operations) {
  long long most = numberSetting("CUDASIM_MOST_ELEMENTS", INT64_MAX);
  return std::any_of(operations.tensors.begin(), operations.tensors.end(),
                     [&](const auto& each) { return each.second.elements() > most; });
}

}  // namespace

const Tensor* Operation::tensor(Name name) const {
  for (const auto* list : {&inputs, &outputs}) {
    for (const auto& [each, tensor] : *list) {
      if (each == name) return &tensor;
    }
  }
  return nullptr;
}

Operation readOperation(const DescriptorPtr& descriptor) {
  Operation operation{descriptor, {}, {}};
  Ports ports = portsOf(descriptor->type());
  for (Name name : ports.inputs) {
    if (descriptor->has(name)) operation.inputs.emplace_back(name, tensorOf(*descriptor, name));
  }
  for (Name name : ports.outputs) {
    if (descriptor->has(name)) operation.outputs.emplace_back(name, tensorOf(*descriptor, name));
  }
  return operation;
}

void checkOperation(Descriptor& d) {
  switch (d.type()) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return checkConvolution(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return checkConvolution(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return checkConvolution(
          d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC);
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: return checkPointwise(d);
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: return checkReduction(d);
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR: return checkResample(d, false);
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR: return checkResample(d, true);
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR: return checkNorm(d, false);
    case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR: return checkNorm(d, true);
    default: return;
  }
}

void finalizeGraph(Descriptor& d) {
  auto operations = std::make_shared<Operations>();
  if (d.has(CUDNN_ATTR_OPERATIONGRAPH_HANDLE)) {
    auto handle = d.get<cudnnHandle_t>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
    requireHandle(handle);
    operations->device = handle->device;
  }
  std::map<std::int64_t, int> readers;
  for (const DescriptorPtr& each : d.values.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).descriptors) {
    if (portsOf(each->type()).outputs.empty()) bad(d, each->rule->text, " is no operation");
    Operation operation = readOperation(each);
    for (const auto* list : {&operation.inputs, &operation.outputs}) {
      for (const auto& [name, tensor] : *list) {
        auto [known, isNew] = operations->tensors.try_emplace(tensor.uid, tensor);
        if (!isNew && !isSameTensor(known->second, tensor))
          bad(d, "two tensors have the same uid: ", known->second.text(), " and ", tensor.text());
      }
    }
    for (const auto& [name, tensor] : operation.inputs) readers[tensor.uid]++;
    for (const auto& [name, tensor] : operation.outputs) {
      if (!operations->written.insert(tensor.uid).second) bad(d, "written twice: ", tensor.text());
      if (tensor.isByValue) bad(d, "an output can't be by value: ", tensor.text());
    }
    operations->list.push_back(std::move(operation));
  }
  for (const auto& [uid, tensor] : operations->tensors) {
    if (tensor.isVirtual && !operations->written.contains(uid))
      bad(d, "virtual, but no operation makes it: ", tensor.text());
    if (tensor.isVirtual && readers[uid] == 0) bad(d, "virtual, but no operation reads it: ", tensor.text());
  }
  sort(d, *operations);
  d.operations = operations;
  d.put(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, CUDNN_TYPE_INT64,
        std::vector<std::int64_t>{static_cast<std::int64_t>(enginesFor(*operations).size())});
}

const Operations& operationsOf(const Descriptor& graph) {
  if (!graph.operations)
    refuse(CUDNN_STATUS_BAD_PARAM, "a ", graph.rule->text, " stands where an operation graph belongs");
  return *graph.operations;
}

std::vector<EngineInfo> enginesFor(const Operations& operations) {
  if (isTooLarge(operations)) return {};
  const Operation* anchor = nullptr;
  for (const Operation& each : operations.list) {
    auto type = each.descriptor->type();
    if (isDeclined(family(type)) || !hasKnownTypes(each)) return {};
    if (type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR) continue;
    if (anchor) return {};  // a fusion has one operation that is not pointwise
    anchor = &each;
  }
  bool isFused = operations.list.size() > 1;
  if (isFused && isDeclined("fusion")) return {};
  std::vector<cudnnBackendBehaviorNote_t> compiled;
  if (isFused || !anchor || !isConvolution(anchor->descriptor->type()))
    compiled.push_back(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
  if (!anchor || !isConvolution(anchor->descriptor->type())) {
    bool isNormal = anchor && isNorm(anchor->descriptor->type());
    if (isNormal) {
      bool isTraining = anchor->descriptor->type() == CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR ||
                        anchor->descriptor->get<cudnnBackendNormFwdPhase_t>(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE) ==
                            CUDNN_NORM_FWD_TRAINING;
      if (!isTraining) return {};  // there is no batch norm with given statistics
    }
    std::int64_t channels = isNormal ? anchor->inputs.front().second.dims[1] : 0;
    return {{0, isNormal ? (channels * 16 + 255) / 256 * 256 : 0, {}, compiled, true, nullptr}};
  }
  bool hasTensorCores = anchor->inputs.front().second.type != CUDNN_DATA_DOUBLE;
  std::vector<EngineInfo> engines;
  auto add = [&](std::int64_t workspace, std::vector<cudnnBackendNumericalNote_t> notes, bool isFallback) {
    engines.push_back(
        {static_cast<std::int64_t>(engines.size()), workspace, std::move(notes), compiled, isFallback, nullptr});
  };
  std::int64_t patches = 4096 + static_cast<std::int64_t>(anchor->inputs.front().second.bytes() / 256 * 256);
  if (hasTensorCores) {
    add(patches, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, false);
    add(1024, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, false);
  }
  add(patches, {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, false);
  add(2048, {}, false);
  add(0, {}, true);
  return engines;
}

void describeEngine(Descriptor& engine, const EngineInfo& info) {
  engine.put(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, info.numericalNotes);
  engine.put(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, info.behaviorNotes);
  engine.values[CUDNN_ATTR_ENGINE_KNOB_INFO] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, {}, {}};
  engine.values[CUDNN_ATTR_ENGINE_LAYOUT_INFO] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, {}, {}};
}

}  // namespace cudasim::cudnn

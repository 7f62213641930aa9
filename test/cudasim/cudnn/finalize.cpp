// What finalisation checks, by descriptor: required attributes, then what the documentation says of each type.
#include <algorithm>
#include <numeric>

#include "descriptor.hpp"
#include "graph.hpp"

namespace cudasim::cudnn {

namespace {

template <class... Parts>
[[noreturn]] void bad(const Descriptor& d, const Parts&... parts) {
  refuse(CUDNN_STATUS_BAD_PARAM, d.rule->text, ": ", parts...);
}
template <class... Parts>
[[noreturn]] void unsupported(const Descriptor& d, const Parts&... parts) {
  decline(CUDNN_STATUS_NOT_SUPPORTED, d.rule->text, ": ", parts...);
}

void finalizeTensor(Descriptor& d) {
  Tensor t = d.tensor();
  if (t.dims.size() != t.strides.size()) bad(d, t.dims.size(), " dimensions, but ", t.strides.size(), " strides");
  for (std::size_t i = 0; i < t.dims.size(); i++) {
    if (t.dims[i] <= 0 || t.strides[i] <= 0) bad(d, "every dimension and stride must be positive: ", t.text());
  }
  auto size = static_cast<std::int64_t>(typeBytes(t.type));
  if (t.alignment <= 0 || t.alignment % size != 0)
    bad(d, "the alignment ", t.alignment, " is no multiple of the ", size, " bytes of ", typeName(t.type));
  if (d.get<std::int64_t>(CUDNN_ATTR_TENSOR_VECTOR_COUNT, 1) != 1) unsupported(d, "vectors are not simulated");
  if (t.isVirtual && t.isByValue) bad(d, "a tensor can't be virtual and by value: ", t.text());
  if (t.isByValue && t.elements() != 1) bad(d, "a tensor by value has one element: ", t.text());
  // elements must not lie on each other
  std::vector<std::size_t> order(t.dims.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return t.strides[a] < t.strides[b]; });
  std::int64_t reach = 1;
  for (std::size_t i : order) {
    if (t.dims[i] == 1) continue;
    if (t.strides[i] < reach) bad(d, "elements overlap: ", t.text());
    reach = t.strides[i] * t.dims[i];
  }
}

void requireCount(const Descriptor& d, cudnnBackendAttributeName_t name, std::int64_t count) {
  auto have = static_cast<std::int64_t>(d.integers(name).size());
  if (have != count) bad(d, d.rule->find(name)->text, " has ", have, " entries, the spatial dimensions are ", count);
}

void finalizeConvolution(Descriptor& d) {
  auto spatial = d.get<std::int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
  for (auto name : {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
                    CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS}) {
    requireCount(d, name, spatial);
  }
  for (auto name : {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES}) {
    for (std::int64_t each : d.integers(name)) {
      if (each < 1) bad(d, d.rule->find(name)->text, " must be positive, but is ", each);
    }
  }
  if (spatial < 1 || spatial > 3) unsupported(d, spatial, " spatial dimensions");
}

void finalizeResample(Descriptor& d) {
  auto spatial = d.get<std::int64_t>(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS);
  for (auto name : {CUDNN_ATTR_RESAMPLE_STRIDES, CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, CUDNN_ATTR_RESAMPLE_PRE_PADDINGS,
                    CUDNN_ATTR_RESAMPLE_POST_PADDINGS}) {
    if (d.values.at(name).type == CUDNN_TYPE_FRACTION) unsupported(d, "fractions are not simulated");
    requireCount(d, name, spatial);
  }
}

void finalizeEngine(Descriptor& d) {
  const Operations& operations = operationsOf(*d.part(CUDNN_ATTR_ENGINE_OPERATION_GRAPH));
  auto index = d.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  auto engines = enginesFor(operations);
  if (index < 0 || index >= static_cast<std::int64_t>(engines.size())) {
    unsupported(d, "engine ", index, " does not exist, there are ", engines.size());
  }
  describeEngine(d, engines[static_cast<std::size_t>(index)]);
}

void finalizeHeuristics(Descriptor& d) {
  const Operations& operations = operationsOf(*d.part(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH));
  auto mode = d.get<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE);
  if (mode >= CUDNN_HEUR_MODES_COUNT) bad(d, "the mode ", static_cast<int>(mode), " does not exist");
  Value results{CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, {}, {}};
  for (const EngineInfo& info : enginesFor(operations)) {
    if (mode == CUDNN_HEUR_MODE_FALLBACK && !info.isFallback) continue;
    auto engine = std::make_shared<Descriptor>();
    engine->rule = ruleOf(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    engine->values[CUDNN_ATTR_ENGINE_OPERATION_GRAPH] = d.values.at(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    engine->put(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, std::vector<std::int64_t>{info.index});
    describeEngine(*engine, info);
    engine->isFinalized = true;
    auto config = std::make_shared<Descriptor>();
    config->rule = ruleOf(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    config->values[CUDNN_ATTR_ENGINECFG_ENGINE] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {engine}};
    config->put(CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE, CUDNN_TYPE_INT64, std::vector<std::int64_t>{info.workspaceBytes});
    config->isFinalized = true;
    results.descriptors.push_back(config);
  }
  results.count = static_cast<std::int64_t>(results.descriptors.size());
  d.values[CUDNN_ATTR_ENGINEHEUR_RESULTS] = results;
}

EngineInfo engineOf(const Descriptor& config) {
  DescriptorPtr engine = config.part(CUDNN_ATTR_ENGINECFG_ENGINE);
  auto engines = enginesFor(operationsOf(*engine->part(CUDNN_ATTR_ENGINE_OPERATION_GRAPH)));
  return engines.at(static_cast<std::size_t>(engine->get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX)));
}

void finalizePlan(Descriptor& d) {
  DescriptorPtr config = d.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  if (d.has(CUDNN_ATTR_EXECUTION_PLAN_HANDLE)) requireHandle(d.get<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE));
  EngineInfo engine = engineOf(*config);
  if (engine.whyNot) unsupported(d, "engine ", engine.index, ": ", engine.whyNot);
  d.put(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, std::vector<std::int64_t>{engine.workspaceBytes});
}

void finalizeVariantPack(Descriptor& d) {
  auto uids = d.integers(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  auto pointers = d.list<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  if (uids.size() != pointers.size()) bad(d, uids.size(), " tensors, but ", pointers.size(), " pointers");
  if (std::set<std::int64_t>(uids.begin(), uids.end()).size() != uids.size()) {
    refuse(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, d.rule->text, ": a tensor is named twice");
  }
}

}  // namespace

void finalize(Descriptor& d) {
  if (d.isFinalized) refuse(CUDNN_STATUS_BAD_PARAM, d.rule->text, ": finalised a second time");
  for (const AttributeRule& each : d.rule->attributes) {
    if (each.need == Need::required && !d.has(each.name)) bad(d, "the required attribute ", each.text, " is missing");
  }
  switch (d.type()) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR: finalizeTensor(d); break;
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR: finalizeConvolution(d); break;
    case CUDNN_BACKEND_RESAMPLE_DESCRIPTOR: finalizeResample(d); break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: finalizeGraph(d); break;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR: finalizeHeuristics(d); break;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR: finalizeEngine(d); break;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      d.put(CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
            std::vector<std::int64_t>{engineOf(d).workspaceBytes});
      break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: finalizePlan(d); break;
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR: finalizeVariantPack(d); break;
    default: checkOperation(d);  // an operation, or parameters without rules of their own
  }
  d.isFinalized = true;
}

}  // namespace cudasim::cudnn

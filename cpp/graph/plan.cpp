// A plan is made in three steps, each of which hands on what it made: kernels and layouts (draft), who lies in whose
// memory (aliasing), and where (placement).
#include "plan.hpp"

#include "placement.hpp"

namespace cnn::graph {

namespace {

std::vector<Layout> layoutsOf(std::span<const TensorDesc> descs) {
  std::vector<Layout> layouts;
  for (const TensorDesc& desc : descs) layouts.push_back(desc.layout);
  return layouts;
}

Step toStep(DraftStep& draft, const Graph& graph, const Placement& placement, const Reference& workspace) {
  auto referenceOf = [&](int id) { return id < 0 ? Reference() : placement.buffers[static_cast<std::size_t>(id)]; };
  Step step{draft.op, draft.node, draft.provider, draft.kernel, {}, {}, workspace, std::move(draft.inputDescs)};
  if (step.node >= 0) step.site = graph.nodes[static_cast<std::size_t>(step.node)].site;
  for (int id : draft.inputs) step.inputs.push_back(referenceOf(id));
  for (int id : draft.outputs) step.outputs.push_back(referenceOf(id));
  return step;
}

}  // namespace

Plan makePlan(Device& device, const Graph& graph, std::span<const TensorDesc> inputs,
              std::span<const TensorDesc> captured, Tolerance tolerance) {
  Draft draft = makeDraft(device, graph, inputs, captured, tolerance);
  const Aliasing aliasing = findAliases(draft);
  const Placement placement = placeBuffers(draft, aliasing, device.backend().arenaAlignment());

  Plan plan{.arenaBytes = placement.arenaBytes, .constantArenaBytes = placement.constantArenaBytes};
  for (std::size_t s = 0; s < draft.steps.size(); s++) {
    if (aliasing.isElided[s]) continue;
    auto& steps = draft.steps[s].isConstant ? plan.constants : plan.steps;
    steps.push_back(toStep(draft.steps[s], graph, placement, placement.workspaces[s]));
  }
  for (const Buffer& buffer : draft.buffers) {
    if (buffer.kind == Reference::Kind::constant) plan.constantBytes.push_back(buffer.bytes);
  }
  for (ValueId id : graph.results) {
    const Located& result = draft.values[static_cast<std::size_t>(id)];
    plan.outputs.push_back({placement.buffers[static_cast<std::size_t>(result.buffer)], result.desc});
    const Buffer& buffer = draft.buffers[static_cast<std::size_t>(result.buffer)];
    if (buffer.kind == Reference::Kind::result && buffer.index == plan.resultBytes.size())
      plan.resultBytes.push_back(buffer.bytes);
  }
  plan.inputLayouts = layoutsOf(inputs);
  plan.capturedLayouts = layoutsOf(captured);
  plan.isConstantKept.resize(plan.constantBytes.size());
  for (const Step& step : plan.steps) {
    for (const Reference& reference : step.inputs) {
      if (reference.kind == Reference::Kind::constant) plan.isConstantKept[reference.at] = true;
    }
  }
  plan.preferredLayouts = std::move(draft.preferredLayouts);
  return plan;
}

}  // namespace cnn::graph

// Two arenas: one for what is alive between the steps of a run, one for the workspaces of steps that compute constants.
#include "placement.hpp"

#include "arena.hpp"

namespace cnn::graph {

Placement placeBuffers(const Draft& draft, const Aliasing& aliasing, std::size_t alignment) {
  std::vector<Lifetime> lifetimes, constantLifetimes;
  std::vector<std::size_t> slots(draft.buffers.size()), workspaceSlots(draft.steps.size());
  for (std::size_t id = 0; id < draft.buffers.size(); id++) {
    if (draft.buffers[id].kind != Reference::Kind::arena || !aliasing.isRoot(static_cast<int>(id))) continue;
    slots[id] = lifetimes.size();
    lifetimes.push_back({draft.buffers[id].bytes, aliasing.lives[id].first, aliasing.lives[id].last});
  }
  for (std::size_t s = 0; s < draft.steps.size(); s++) {
    const DraftStep& step = draft.steps[s];
    if (step.kernel->workspaceBytes == 0) continue;
    auto& list = step.isConstant ? constantLifetimes : lifetimes;
    workspaceSlots[s] = list.size();
    list.push_back({step.kernel->workspaceBytes, static_cast<int>(s), static_cast<int>(s)});
  }
  const Arena arena = packArena(lifetimes, alignment), constantArena = packArena(constantLifetimes, alignment);
  Placement placement{.arenaBytes = arena.bytes, .constantArenaBytes = constantArena.bytes};
  for (std::size_t id = 0; id < draft.buffers.size(); id++) {
    const auto root = static_cast<std::size_t>(aliasing.rootOf(static_cast<int>(id)));
    const Buffer& buffer = draft.buffers[root];
    const std::size_t at = buffer.kind == Reference::Kind::arena ? arena.offsets[slots[root]] : buffer.index;
    placement.buffers.push_back({buffer.kind, at, aliasing.offsetOf(static_cast<int>(id))});
  }
  for (std::size_t s = 0; s < draft.steps.size(); s++) {
    const DraftStep& step = draft.steps[s];
    const Arena& of = step.isConstant ? constantArena : arena;
    placement.workspaces.push_back(
        step.kernel->workspaceBytes ? Reference{Reference::Kind::arena, of.offsets[workspaceSlots[s]]} : Reference{});
  }
  return placement;
}

}  // namespace cnn::graph

// Running pieces, and what they ask of the order of weights.
#include "conv_direct.hpp"

#include <algorithm>

namespace cnn::cpu {

void DirectLaunch::run(Candidate::Pointers pointers, std::size_t weight, bool writesWeight, void* workspace) const {
  void* scratch = workspace ? static_cast<std::byte*>(workspace) + scratchAt : nullptr;
  if (!reorder) return conv.run(pointers, scratch);
  std::array<const void*, 4> own{};
  std::copy(pointers.begin(), pointers.end(), own.begin());
  own[weight] = workspace;
  if (!writesWeight) reorder.run({pointers[weight], workspace}, scratch);
  conv.run(own, scratch);
  if (writesWeight) reorder.run({workspace, pointers[weight]}, scratch);
}

std::optional<Format> weightFormat(const MemoryDesc& desc, const Geometry& geometry) {
  auto format = formatOf(desc);
  if (!format || geometry.groups == 1) return format;
  Index outputs = geometry.weight[1];
  std::vector<Index> extents = extentsOf(*format, geometry.weight);
  bool blocksGroups = false, seenOutput = false;
  Index paddedOutputs = 1;
  Format joined;
  for (std::size_t i = 0; i < format->size(); i++) {
    Step step = (*format)[i];
    if (step.axis == 0) {
      blocksGroups = blocksGroups || step.block != 0;
      if (seenOutput) return std::nullopt;  // the output axis would be the slower one
      joined.push_back({0, step.block});
    } else if (step.axis == 1) {
      seenOutput = true;
      paddedOutputs *= extents[i];
      joined.push_back({0, extents[i]});
    } else {
      joined.push_back({step.axis - 1, step.block});
    }
  }
  if (seenOutput && (blocksGroups || paddedOutputs != outputs)) return std::nullopt;
  return joined;
}

std::optional<Format> outputsFirst(const MemoryDesc& desc, const Geometry& geometry) {
  auto format = weightFormat(desc, geometry);
  if (!format) return std::nullopt;
  bool hasStep =
      std::any_of(format->begin(), format->end(), [](Step step) { return step.axis == 0 && step.block == 0; });
  if (!hasStep) format->insert(format->begin(), {0, 0});  // a single block
  return format->front().axis == 0 ? format : std::nullopt;
}

}  // namespace cnn::cpu

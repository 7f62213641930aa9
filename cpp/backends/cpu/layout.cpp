// Formats: their sizes, their canonical spelling and their numbers.
#include "layout.hpp"

#include <algorithm>

namespace cnn::cpu {

Format plainFormat(int rank) {
  Format format;
  for (int axis = 0; axis < rank; axis++) format.push_back({axis, 0});
  return format;
}

std::vector<Index> extentsOf(const Format& format, const Dims& shape) {
  Dims inner = Dims::filled(shape.size(), 1);
  for (const Step& step : format) {
    if (step.block) inner[step.axis] *= step.block;
  }
  std::vector<Index> extents;
  for (const Step& step : format) {
    Index block = inner[step.axis];
    extents.push_back(step.block ? step.block : (shape[step.axis] + block - 1) / block);
  }
  return extents;
}

Index paddedElements(const Format& format, const Dims& shape) {
  Index count = 1;
  for (Index extent : extentsOf(format, shape)) count *= extent;
  return count;
}

Format canonical(const Format& format, const Dims& shape) {
  std::vector<Index> extents = extentsOf(format, shape);
  Dims padded = Dims::filled(shape.size(), 1);
  for (std::size_t i = 0; i < format.size(); i++) padded[format[i].axis] *= extents[i];
  // Steps of one element say nothing; two neighbouring steps of one axis are one.
  std::vector<Step> steps;
  for (std::size_t i = 0; i < format.size(); i++) {
    if (extents[i] == 1) continue;
    if (!steps.empty() && steps.back().axis == format[i].axis) {
      steps.back().block *= extents[i];
    } else {
      steps.push_back({format[i].axis, extents[i]});
    }
  }
  // The first step of an axis takes what is left where the axis is padded no further than its other steps ask for.
  std::vector<bool> seen(static_cast<std::size_t>(shape.size()));
  for (Step& step : steps) {
    auto axis = static_cast<std::size_t>(step.axis);
    Index rest = padded[step.axis] / step.block;
    if (!seen[axis] && (shape[step.axis] + rest - 1) / rest == step.block) step.block = 0;
    seen[axis] = true;
  }
  bool isRowMajor = true;
  for (std::size_t i = 0; i < steps.size(); i++) {
    isRowMajor = isRowMajor && steps[i].block == 0 && (i == 0 || steps[i - 1].axis < steps[i].axis);
  }
  return isRowMajor ? plainFormat(shape.size()) : steps;
}

Layout LayoutTable::intern(const Format& format, const Dims& shape) {
  Format key = canonical(format, shape);
  if (key == plainFormat(shape.size())) return {};
  std::scoped_lock lock(mutex_);
  auto [found, isNew] = ids_.try_emplace(key, static_cast<std::uint32_t>(formats_.size() + 1));
  if (isNew) formats_.push_back(key);
  return {found->second};
}

Format LayoutTable::format(const TensorDesc& desc) const {
  if (desc.layout.isPlain()) return plainFormat(desc.rank());
  std::scoped_lock lock(mutex_);
  return formats_.at(desc.layout.id - 1);
}

std::optional<ChannelView> channelView(const Format& format, const Dims& shape) {
  if (shape.size() < 2 || shape.product() == 0) return std::nullopt;
  ChannelView view;
  view.batch = shape[0];
  view.channels = shape[1];
  view.positions = shape.slice(2).product();
  std::vector<Index> extents = extentsOf(format, shape);
  Format steps;
  std::vector<Index> sizes;
  for (std::size_t i = 0; i < format.size(); i++) {
    if (extents[i] == 1) continue;
    steps.push_back(format[i]);
    sizes.push_back(extents[i]);
  }
  bool channelsLast = !steps.empty() && steps.back().axis == 1;
  if (channelsLast) {
    view.lanes = sizes.back();
    steps.pop_back();
  }
  view.blocks = (view.channels + view.lanes - 1) / view.lanes;
  for (std::size_t i = 0; i < steps.size(); i++) {
    if (steps[i].block != 0 || (i > 0 && steps[i - 1].axis >= steps[i].axis)) return std::nullopt;
  }
  return view;
}

}  // namespace cnn::cpu

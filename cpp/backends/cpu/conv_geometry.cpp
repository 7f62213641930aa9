// Sizes and pieces of convolutions.
#include "conv_geometry.hpp"

namespace cnn::cpu {

// What lies beyond the last window is not read: the end padding that makes the sizes fit exactly.
void Geometry::fitEndPadding() {
  for (std::size_t i = 0; i < stride.size(); i++) {
    int axis = static_cast<int>(i) + 2;
    Index kernel =
        (weight[weight.size() - static_cast<int>(stride.size()) + static_cast<int>(i)] - 1) * (dilation[i] + 1) + 1;
    high[i] = (y[axis] - 1) * stride[i] + kernel - x[axis] - low[i];
  }
}

double Geometry::work() const {
  double multiplyAdds =
      static_cast<double>(y.product()) * static_cast<double>(weight.product()) / static_cast<double>(y[1]);
  return groups > 1 && groups == x[1] ? 4 * multiplyAdds : multiplyAdds;
}

namespace {

// The greatest share of the work that one thread may get, over an equal one.
constexpr double mostUneven = 1.2;
// Output channels that a piece of a dense convolution should at least have: with fewer, each load of an input feeds too
// few products.
constexpr Index leastChannels = 64;

bool isEven(Index count, int threads) {
  Index most = (count + threads - 1) / threads;
  return count >= threads && static_cast<double>(most) * threads <= mostUneven * static_cast<double>(count);
}

std::vector<Part> bySamples(const Geometry& whole, const ChannelView& x, const ChannelView& y, int threads) {
  std::vector<Part> parts;
  Index samples = whole.x[0], sampleX = x.elements() / samples, sampleY = y.elements() / samples;
  for (Index i = 0; i < threads; i++) {
    Index from = samples * i / threads, to = samples * (i + 1) / threads;
    Part part{whole, from * sampleX, from * sampleY};
    part.geometry.x[0] = part.geometry.y[0] = to - from;
    parts.push_back(std::move(part));
  }
  return parts;
}

// `lanes` channels are the least that lie in one run.
std::vector<Part> byChannels(const Geometry& whole, Index lanes, int threads) {
  std::vector<Part> parts;
  Index blocks = (whole.y[1] + lanes - 1) / lanes, planeX = whole.x.product() / whole.x[1],
        planeY = whole.y.product() / whole.y[1];
  for (Index i = 0; i < threads; i++) {
    Index from = blocks * i / threads * lanes,
          channels = std::min(blocks * (i + 1) / threads * lanes, whole.y[1]) - from;
    Part part{whole, 0, from * planeY, from};
    part.geometry.y[1] = part.geometry.bias[0] = part.geometry.weight[0] = channels;
    if (whole.groups > 1) {  // depthwise: as many inputs
      part.geometry.x[1] = part.geometry.groups = channels;
      part.x = from * planeX;
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace

std::optional<std::vector<Part>> partsOf(const Engine& engine, const Geometry& whole, Layout x, Layout y, int threads) {
  auto viewX = engine.view(TensorDesc(whole.dtype, whole.x, x)),
       viewY = engine.view(TensorDesc(whole.dtype, whole.y, y));
  if (threads < 2 || !viewX || !viewY) return std::nullopt;
  if (isEven(whole.x[0], threads)) return bySamples(whole, *viewX, *viewY, threads);
  bool isDepthwise = whole.groups > 1 && whole.weight[1] == 1 && whole.weight[2] == 1;
  if (whole.x[0] != 1 || (whole.groups > 1 && !isDepthwise) || viewY->blocks == 1) return std::nullopt;
  if (isDepthwise && viewX->lanes != viewY->lanes) return std::nullopt;
  bool areWide = isDepthwise ? viewY->lanes > 1 : whole.y[1] >= leastChannels * threads;
  if (!areWide || !isEven(viewY->blocks, threads)) return std::nullopt;
  return byChannels(whole, viewY->lanes, threads);
}

}  // namespace cnn::cpu

// Winograd's algorithm for the geometry of a convolution.
#include "conv_winograd.hpp"

#include <limits>

#include "base/error.hpp"
#include "winograd.hpp"

namespace cnn::cpu {

namespace {

bool isInFullVectors(const Engine& engine, const Dims& shape, Layout layout) {
  auto view = engine.view(TensorDesc(DType::float32, shape, layout));
  return view && view->lanes == winograd::lanes && !view->isPadded();
}

bool applies(const ConvCase& conv) {
  const Geometry& g = conv.geometry;
  if (conv.signature.setting.tolerance != Tolerance::loose || g.dtype != DType::float32 || g.groups != 1 ||
      g.stride.size() != 2)
    return false;
  for (int i = 0; i < 2; i++) {
    auto axis = static_cast<std::size_t>(i);
    if (g.stride[axis] != 1 || g.dilation[axis] != 0) return false;
  }
  if (g.weight[2] != g.weight[3] || (g.weight[2] != 3 && g.weight[2] != 5)) return false;
  return isInFullVectors(conv.engine, g.x, conv.x) && isInFullVectors(conv.engine, g.y, conv.y);
}

winograd::Form formOf(const Geometry& g) {
  if (g.weight[2] == 5) return {.outputs = 2, .filter = 5};
  return {};
}

std::string nameOf(winograd::Form form) {
  return text("winograd F(", form.outputs, "×", form.outputs, ", ", form.filter, "×", form.filter, ")");
}

winograd::Sizes sizesOf(const Geometry& g) {
  return {g.x[0], g.x[1], g.y[1], g.x[2], g.x[3], g.y[2], g.y[3], g.low[0], g.low[1], formOf(g)};
}

std::size_t bytesOf(const Dims& shape) { return static_cast<std::size_t>(shape.product()) * sizeof(float); }

// With fewer tiles than this, reading the weights takes longer than the products, and smaller tiles with fewer weights
// may be faster.
constexpr Index fewTiles = 40;

// A convolution whose pointers are input, weights, output and bias. Weights that stay are transformed once, others at
// each run.
Candidate candidateOf(const ConvCase& conv, const winograd::Sizes& sizes, const winograd::Finish& finish,
                      bool isRotated) {
  winograd::Convolution convolution(sizes, conv.threads, finish);
  winograd::Weights weights = sizes.weights(isRotated);
  Candidate candidate;
  bool areKept = conv.signature.isStable(1);
  candidate.name = text(nameOf(sizes.form), areKept ? " transformed" : "");
  if (areKept) candidate.weight = conv.engine.internTransformed(weights);
  std::size_t elements = static_cast<std::size_t>(weights.elements()), scratchAt = areKept ? 0 : elements;
  candidate.workspaceBytes = scratchAt * sizeof(float) + convolution.scratchBytes();
  Dims input{sizes.samples, sizes.inputs, sizes.height, sizes.width},
      output{sizes.samples, sizes.outputs, sizes.outHeight, sizes.outWidth};
  candidate.bytes = {bytesOf(input), areKept ? elements * sizeof(float) : bytesOf(conv.geometry.weight),
                     bytesOf(output), conv.hasBias ? bytesOf(conv.geometry.bias) : 0};
  candidate.run = [=](Candidate::Pointers pointers, void* workspace) {
    auto at = [&](std::size_t i) {
      return i < pointers.size() ? static_cast<float*>(const_cast<void*>(pointers[i])) : nullptr;
    };
    auto* memory = static_cast<float*>(workspace);
    const float* transformed = at(1);
    if (!areKept) {
      winograd::transformWeights(weights, at(1), memory);
      transformed = memory;
    }
    convolution.run(at(0), transformed, at(3), at(2), memory + scratchAt);
  };
  return candidate;
}

std::vector<Candidate> candidatesOf(const ConvCase& conv, winograd::Sizes sizes, const winograd::Finish& finish,
                                    bool isRotated) {
  std::vector<Candidate> candidates{candidateOf(conv, sizes, finish, isRotated)};
  if (sizes.form.outputs == 4 && sizes.grid().count() < fewTiles) {
    sizes.form.outputs = 2;
    // Where weights come from memory, those with fewer win if both are level.
    candidates.insert(conv.signature.setting.weightsExceedCache ? candidates.begin() : candidates.end(),
                      candidateOf(conv, sizes, finish, isRotated));
  }
  return candidates;
}

}  // namespace

std::vector<Candidate> winogradForward(const ConvCase& conv, bool hasResidual, Activation activation) {
  if (!applies(conv)) return {};
  constexpr float infinity = std::numeric_limits<float>::infinity();
  winograd::Finish finish{.addsResult = hasResidual,
                          .lowest = activation == Activation::identity ? -infinity : 0.0f,
                          .highest = activation == Activation::relu6 ? 6.0f : infinity};
  return candidatesOf(conv, sizesOf(conv.geometry), finish, false);
}

std::vector<Candidate> winogradBackwardData(const ConvCase& conv) {
  if (!applies(conv)) return {};
  // dx is a convolution of dy, with weights turned by 180° and what is left of the filter's reach as padding.
  winograd::Sizes forward = sizesOf(conv.geometry);
  const Index reach = forward.form.filter - 1;
  winograd::Sizes sizes{forward.samples, forward.outputs, forward.inputs,      forward.outHeight,    forward.outWidth,
                        forward.height,  forward.width,   reach - forward.top, reach - forward.left, forward.form};
  return candidatesOf(conv, sizes, {}, true);
}

std::vector<Candidate> winogradBackwardWeight(const ConvCase& conv) {
  if (!applies(conv)) return {};
  winograd::Sizes sizes = sizesOf(conv.geometry);
  winograd::WeightGradient gradient(sizes, conv.threads);
  Candidate candidate{.name = nameOf(sizes.form), .workspaceBytes = gradient.scratchBytes()};
  candidate.bytes = {bytesOf(conv.geometry.x), bytesOf(conv.geometry.y), bytesOf(conv.geometry.weight),
                     conv.hasBias ? bytesOf(conv.geometry.bias) : 0};
  candidate.run = [gradient](Candidate::Pointers pointers, void* workspace) {
    auto at = [&](std::size_t i) { return static_cast<float*>(const_cast<void*>(pointers[i])); };
    gradient.run(at(0), at(1), at(2), at(3), workspace);
  };
  return {candidate};
}

}  // namespace cnn::cpu

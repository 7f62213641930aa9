// The counts behind a profile.
#include "work.hpp"

#include "ops/infer.hpp"
#include "ops/names.hpp"

namespace cnn::graph {

namespace {

double elements(const Dims& shape) { return static_cast<double>(shape.product()); }

// One for each op that multiplies: there is none for the others.
// Every output takes the filter of its channel once: |y| · |weight| / filters.
double convolution(const Dims& y, const Dims& weight) {
  return elements(y) * elements(weight) / static_cast<double>(weight[0]);
}
double count(const Conv& op, std::span<const TensorDesc> inputs) {
  return convolution(infer(op, inputs)[0].shape, inputs[1].shape);
}
double count(const ConvActivation& op, std::span<const TensorDesc> inputs) {
  return convolution(infer(op, inputs)[0].shape, inputs[1].shape);
}
double count(const ConvBackwardData&, std::span<const TensorDesc> inputs) {
  return convolution(inputs[0].shape, inputs[1].shape);
}
double count(const ConvBackwardWeight& op, std::span<const TensorDesc> inputs) {
  return convolution(inputs[1].shape, infer(op, inputs)[0].shape);
}
double count(const Linear&, std::span<const TensorDesc> inputs) {
  return elements(inputs[0].shape) * static_cast<double>(inputs[1].shape[0]);
}
double count(const LinearActivation&, std::span<const TensorDesc> inputs) { return count(Linear{}, inputs); }
double count(const LinearBackwardWeight& op, std::span<const TensorDesc> inputs) {
  return elements(inputs[0].shape) * static_cast<double>(infer(op, inputs)[0].shape[0]);
}
double count(const MatMul& op, std::span<const TensorDesc> inputs) {
  const Dims& a = inputs[0].shape;
  return elements(infer(op, inputs)[0].shape) * static_cast<double>(op.transposeA ? a[a.size() - 2] : a.back());
}

}  // namespace

double multiplyAdds(const Op& op, std::span<const TensorDesc> inputs) {
  return std::visit(
      [&]<class O>(const O& each) {
        if constexpr (O::traits.elements == Elements::multiplied) {
          return count(each, inputs);
        } else {
          return 0.0;
        }
      },
      op);
}

double vectorMultiplyAdds(const Op& op, std::span<const TensorDesc> inputs, const TensorDesc& output, Index lanes) {
  auto padding = [lanes](const TensorDesc& desc) {
    constexpr Index image = 3;  // the channels of images are not padded
    Index channels = desc.rank() > 1 ? desc.shape[1] : 0;
    if (channels <= image) return 1.0;
    return static_cast<double>((channels + lanes - 1) / lanes * lanes) / static_cast<double>(channels);
  };
  return multiplyAdds(op, inputs) * (inputs.empty() ? 1.0 : padding(inputs[0])) * padding(output);
}

double bytesMoved(const Op& op, std::span<const TensorDesc> inputs, std::span<const TensorDesc> outputs) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < inputs.size(); i++) {
    if (!inputs[i].defined) continue;
    bool isReadAndWritten =
        mutates(op, static_cast<int>(i), static_cast<int>(inputs.size())) && !std::holds_alternative<Copy>(op);
    bytes += (isReadAndWritten ? 2 : 1) * inputs[i].plainBytes();
  }
  for (const TensorDesc& desc : outputs) bytes += desc.plainBytes();
  return static_cast<double>(bytes);
}

}  // namespace cnn::graph

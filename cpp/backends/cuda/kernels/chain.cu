// Chains of element-wise ops, interpreted: all threads take the same way through the links, and memory is what they
// wait for. Without broadcasting each thread takes four elements at a time; else the walk says which elements belong
// together.
#include <algorithm>
#include <iterator>

#include "backends/cuda/launch.cuh"
#include "binary.cuh"
#include "chain.hpp"
#include "unary.cuh"

namespace cnn::cuda {
namespace kernels {

/// Where the inputs are, and which of them are one element only.
struct ChainInputs {
  const void* at[mostChainInputs];
  bool isScalar[mostChainInputs];
};

__device__ inline float follow(const ChainCall::Link& link, float v, float other) {
  UnaryFormula<float> f = {link.unary, link.alpha, link.beta};
  switch (link.kind) {
    case LinkKind::unary: return value(f, v);
    case LinkKind::binary: return arithmetic(link.binary, v, other);
    case LinkKind::swapped: return arithmetic(link.binary, other, v);
    case LinkKind::backward: return gradient(f, v, other);
  }
  return v;
}

/// The i-th pack of an input.
template <class T>
__device__ inline Pack<T> packOf(const ChainInputs& inputs, int n, Index i) {
  const T* input = static_cast<const T*>(inputs.at[n]);
  if (!inputs.isScalar[n]) return loadPack(input, i);
  T number = input[0];
  return {{number, number, number, number}};
}

template <class T>
__global__ void chain(ChainCall call, ChainInputs inputs, T* y, Index packs, Index count) {
  for (Index i = gridIndex(); i < packs; i += gridStep()) {
    Pack<T> pack = packOf<T>(inputs, 0, i);
    Pack<float> v;
    for (int k = 0; k < 4; k++) v.at[k] = get(pack.at[k]);
    for (int n = 0; n < call.count; n++) {
      const ChainCall::Link& link = call.links[n];
      if (link.input >= 0) pack = packOf<T>(inputs, link.input, i);
      for (int k = 0; k < 4; k++) v.at[k] = follow(link, v.at[k], get(pack.at[k]));
    }
    for (int k = 0; k < 4; k++) pack.at[k] = put<T>(v.at[k]);
    storePack(y, i, pack);
  }
  for (Index i = 4 * packs + gridIndex(); i < count; i += gridStep()) {
    auto input = [&](int n) { return get(static_cast<const T*>(inputs.at[n])[inputs.isScalar[n] ? 0 : i]); };
    float v = input(0);
    for (int n = 0; n < call.count; n++)
      v = follow(call.links[n], v, call.links[n].input >= 0 ? input(call.links[n].input) : 0.0f);
    y[i] = put<T>(v);
  }
}

/// Tensors of the walk: y, then the inputs.
template <class T, class I, int tensors>
__global__ void chainStrided(ChainCall call, ChainInputs inputs, Walk<tensors> walk, T* y) {
  for (Index i = gridIndex(); i < walk.count; i += gridStep()) {
    I at[tensors];
    offsetsAt(walk, static_cast<I>(i), at);
    auto input = [&](int n) { return get(static_cast<const T*>(inputs.at[n])[at[n + 1]]); };
    float v = input(0);
    for (int n = 0; n < call.count; n++)
      v = follow(call.links[n], v, call.links[n].input >= 0 ? input(call.links[n].input) : 0.0f);
    y[at[0]] = put<T>(v);
  }
}

}  // namespace kernels

namespace {

/// The walk of the first tensors alone: what is not there need not be followed.
template <int tensors>
Walk<tensors> firstOf(const ChainWalk& walk) {
  Walk<tensors> first;
  first.rank = walk.rank;
  first.count = walk.count;
  std::copy(std::begin(walk.shape), std::end(walk.shape), first.shape);
  for (int n = 0; n < tensors; n++) std::copy(std::begin(walk.strides[n]), std::end(walk.strides[n]), first.strides[n]);
  return first;
}

template <class T>
void launchTyped(cudaStream_t stream, const ChainCall& call, const ChainWalk& walk, std::span<void* const> inputs,
                 T* y) {
  kernels::ChainInputs given{};
  bool isStrided = !walk.isContiguous(0);
  Index packs = kernels::packsOf(walk.count, y);
  for (int n = 0; n < static_cast<int>(inputs.size()); n++) {
    const T* input = static_cast<const T*>(inputs[static_cast<std::size_t>(n)]);
    given.at[n] = input;
    given.isScalar[n] = walk.isScalar(n + 1);
    isStrided = isStrided || !(given.isScalar[n] || walk.isContiguous(n + 1));
    if (!given.isScalar[n]) packs = std::min(packs, kernels::packsOf(walk.count, input));
  }
  constexpr int few = 4;
  Grid grid = gridFor(walk.count);
  if (!isStrided) {
    launch<kernels::chain<T>>(stream, gridFor((walk.count + 3) / 4), call, given, y, packs, walk.count);
  } else if (inputs.size() >= few || !walk.fitsInt32()) {
    launch<kernels::chainStrided<T, Index, 1 + mostChainInputs>>(stream, grid, call, given, walk, y);
  } else {
    launch<kernels::chainStrided<T, int, few>>(stream, grid, call, given, firstOf<few>(walk), y);
  }
}

}  // namespace

void launchChain(cudaStream_t stream, DType dtype, const ChainCall& call, const ChainWalk& walk,
                 std::span<void* const> inputs, void* y) {
  if (walk.count == 0) return;
  switch (dtype) {
    case DType::float16: return launchTyped(stream, call, walk, inputs, static_cast<__half*>(y));
    case DType::bfloat16: return launchTyped(stream, call, walk, inputs, static_cast<__nv_bfloat16*>(y));
    case DType::float32: return launchTyped(stream, call, walk, inputs, static_cast<float*>(y));
    case DType::float64:  // chains of float64 are left apart
    case DType::int32:
    case DType::uint8:
    case DType::boolean: break;
  }
}

}  // namespace cnn::cuda

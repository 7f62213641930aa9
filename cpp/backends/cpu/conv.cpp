// Convolution and its gradients by oneDNN, in the layouts that it likes best.
#include <algorithm>
#include <chrono>
#include <limits>

#include "base/error.hpp"
#include "channels.hpp"
#include "kernels.hpp"
#include "onednn.hpp"
#include "parallel.hpp"

namespace cnn::cpu {

namespace {

using dnnl::algorithm;
using dnnl::prop_kind;

// The sizes of a convolution in oneDNN's terms: grouped weights have an axis more, [G, O/G, C/G, kernel…].
struct Geometry {
  Dims x, weight, y, bias;
  DnnlDims stride, dilation, low, high;
  Index groups = 1;
  DType dtype;

  template <class AnyConv>
  Geometry(const AnyConv& op, const Dims& x, const Dims& plainWeight, const Dims& y, DType dtype)
      : x(x), weight(plainWeight), y(y), bias{y[1]}, stride(dnnlDims(op.stride)), dilation(dnnlDims(op.dilation)),
        low(dnnlDims(op.padding)), high(dnnlDims(op.paddingEnd)), groups(op.groups), dtype(dtype) {
    for (auto& each : dilation) each -= 1;  // oneDNN counts the gaps
    if (groups > 1) {
      weight[0] /= groups;
      weight.insert(0, groups);
    }
  }

  // What lies beyond the last window is not read: the end padding that makes the sizes fit exactly.
  void fitEndPadding() {
    for (std::size_t i = 0; i < stride.size(); i++) {
      int axis = static_cast<int>(i) + 2;
      Index kernel = (weight[weight.size() - static_cast<int>(stride.size()) + static_cast<int>(i)] - 1) * (dilation[i] + 1) + 1;
      high[i] = (y[axis] - 1) * stride[i] + kernel - x[axis] - low[i];
    }
  }

  // Whether Winograd's algorithm is worth a try: 3×3 windows at every position, channels enough.
  bool canTransform() const {
    int spatial = static_cast<int>(stride.size());
    if (dtype != DType::float32 || groups != 1 || spatial != 2 || x[1] < 16 || y[1] < 16) return false;
    for (std::size_t i = 0; i < stride.size(); i++) {
      if (stride[i] != 1 || dilation[i] != 0 || weight[2 + static_cast<int>(i)] != 3) return false;
    }
    return true;
  }

  double multiplyAdds() const {
    return static_cast<double>(y.product()) * static_cast<double>(weight.product()) / static_cast<double>(y[1]);
  }
};

// The format of oneDNN's weights in terms of ours, where the group and output axes are one; nothing if they don't join.
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

// How a tensor of the door's is handed to a primitive: in a layout of its own, or plain and reordered inside the kernel.
struct WeightPlan {
  Layout layout;
  bool reorders = false;
};

WeightPlan planWeight(Engine& engine, const MemoryDesc& desc, const Geometry& geometry, const Dims& shape, Effort effort) {
  if (auto format = weightFormat(desc, geometry)) return {engine.layouts.intern(*format, shape), false};
  // A compiled function can transform weights ahead of its runs, where they stay.
  if (effort != Effort::eager && geometry.groups == 1 && geometry.dtype == DType::float32) return {engine.internOpaque(desc), false};
  return {Layout{}, true};
}

Layout layoutOf(Engine& engine, const MemoryDesc& desc, const Dims& shape) {
  auto format = formatOf(desc);
  if (!format) fail(ErrorKind::backend, "oneDNN chose an activation layout of an unknown kind");
  return engine.layouts.intern(*format, shape);
}

bool isFast(const std::string& implementation) {
  return implementation.starts_with("jit") || implementation.starts_with("brg");
}

// Whether the primitive is worth having: bfloat16 only where the processor multiplies it itself, else float32 is faster.
template <class Desc>
bool isWanted(const Desc& desc, DType dtype) {
  return desc && (dtype == DType::float32 || computesInHalf(desc));
}

// Makes a primitive desc with the activations as they lie, or in the layouts that oneDNN likes best where that is another
// implementation. `make(a, b)` gets the descs of both activations and returns an empty desc where oneDNN has nothing.
template <class Make>
auto choose(const MemoryDesc& a, const MemoryDesc& b, const MemoryDesc& anyA, const MemoryDesc& anyB, Make make) {
  auto best = make(anyA, anyB);
  if (!best) return best;
  auto given = make(a, b);
  if (given && isFast(implementation(given)) && implementation(given) == implementation(best)) return given;
  return best;
}

bool isSupported(const Signature& signature) {
  const DType dtype = signature.inputs[0].dtype;
  if (dtype != DType::float32 && dtype != DType::bfloat16) return false;
  for (const TensorDesc& desc : signature.inputs) {
    if (desc.defined && (desc.dtype != dtype || desc.elements() == 0)) return false;
  }
  return signature.outputs[0].elements() > 0 && signature.inputs[0].rank() <= 5;
}

// What a convolution does to its sums before it writes them.
dnnl::primitive_attr attributesOf(Activation activation, bool hasResidual) {
  dnnl::primitive_attr attributes = userScratchpad();
  dnnl::post_ops ops;
  if (hasResidual) ops.append_sum(1.0f);
  if (activation == Activation::relu) ops.append_eltwise(1.0f, algorithm::eltwise_relu, 0, 0);
  if (activation == Activation::relu6) ops.append_eltwise(1.0f, algorithm::eltwise_clip, 0, 6);
  attributes.set_post_ops(ops);
  return attributes;
}

auto makeForward(const Engine& engine, const Geometry& g, bool hasBias, const MemoryDesc& x, const MemoryDesc& y,
                 algorithm how = algorithm::convolution_direct, const dnnl::primitive_attr& attributes = userScratchpad()) {
  using Forward = dnnl::convolution_forward;
  MemoryDesc weight = anyDesc(g.weight, g.dtype);
  auto desc = hasBias ? Forward::desc(prop_kind::forward_training, how, x, weight, plainDesc(g.bias, g.dtype), y, g.stride, g.dilation, g.low, g.high)
                      : Forward::desc(prop_kind::forward_training, how, x, weight, y, g.stride, g.dilation, g.low, g.high);
  return Forward::primitive_desc(desc, attributes, engine.dnnl, true);
}

// Seconds that a primitive takes, the least of three runs, on memory of its own.
template <class AnyConv, class Desc>
double secondsOf(const Engine& engine, const Desc& desc, const std::vector<Primitive::Argument>& arguments, int threads) {
  Primitive primitive(engine, desc, AnyConv(desc), arguments, threads);
  std::vector<std::vector<float>> memory;
  for (const auto& argument : arguments) memory.emplace_back(argument.desc.get_size() / sizeof(float) + 16, 0.5f);
  memory.emplace_back(primitive.scratchBytes() / sizeof(float) + 16);
  auto aligned64 = [](std::vector<float>& each) {
    auto address = reinterpret_cast<std::uintptr_t>(each.data());
    return reinterpret_cast<void*>((address + 63) / 64 * 64);
  };
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 4; i++) {  // the first warms up
    auto start = std::chrono::steady_clock::now();
    primitive.run({aligned64(memory[0]), aligned64(memory[1]), aligned64(memory[2]), memory.size() > 4 ? aligned64(memory[3]) : nullptr},
                  aligned64(memory.back()));
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (i > 0) least = std::min(least, seconds.count());
  }
  return least;
}

// Winograd's algorithm in place of the direct one, where it exists for the same layouts and was found faster here. `make(how)` makes the desc,
// `argumentsOf(desc)` names its memory.
template <class AnyConv, class Desc, class Make, class ArgumentsOf>
Desc fastest(Engine& engine, std::string_view kind, const Signature& signature, const Geometry& g, const Desc& direct, int threads, Make make, ArgumentsOf argumentsOf) {
  bool isCandidate = signature.effort == Effort::winograd && g.canTransform();
  if (!direct || !isCandidate) return direct;
  Desc transformed = make(algorithm::convolution_winograd);
  if (!transformed || implementation(transformed).find("wino") == std::string::npos) return direct;
  const dnnl_version_t& version = *dnnl_version();
  std::string key = text(processorName(), ", oneDNN ", version.major, ".", version.minor, ".", version.patch, ", ", threads, " threads: ",
                         kind, " ", g.x, " to ", g.y, ", ", implementation(transformed), " or ", implementation(direct));
  std::optional<bool> known = engine.choices.find(key);
  if (!known) {
    double gain = secondsOf<AnyConv>(engine, direct, argumentsOf(direct), threads) / secondsOf<AnyConv>(engine, transformed, argumentsOf(transformed), threads);
    known = gain > 1.05;
    engine.choices.keep(key, *known);
  }
  return *known ? transformed : direct;
}

// A convolution primitive and, where its weights have an order of oneDNN's own, the reorder between that and the plain one.
// It runs in a workspace of [reordered weights | scratch memory].
struct Launch {
  Primitive conv, reorder;
  std::size_t scratchAt = 0;

  Launch(const Engine& engine, Primitive made, bool reorders, const MemoryDesc& from, const MemoryDesc& to, std::size_t weightBytes, int threads)
      : conv(std::move(made)) {
    if (!reorders) return;
    reorder = makeReorder(engine, from, to, threads);
    scratchAt = aligned(weightBytes);
  }

  std::size_t workspaceBytes() const { return scratchAt + std::max(conv.scratchBytes(), reorder.scratchBytes()); }
  void* scratch(const Run& run) const { return run.workspace ? static_cast<char*>(run.workspace) + scratchAt : nullptr; }
  // The weights as the convolution reads them.
  const void* weight(const Run& run, int input) const {
    if (!reorder) return run.in<void>(input);
    reorder.run({run.in<void>(input), run.workspace}, scratch(run));
    return run.workspace;
  }
};

}  // namespace

namespace {

// Inputs: x weight bias? residual?
template <class AnyConv>
KernelPtr prepareForward(const AnyConv& op, const Signature& signature, Engine& engine, Activation activation) {
  if (!isSupported(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &weight = signature.inputs[1], &y = signature.outputs[0];
  bool hasBias = signature.inputs[2].defined, hasResidual = signature.inputs.size() > 3 && signature.inputs[3].defined;
  Geometry g(op, x.shape, weight.shape, y.shape, x.dtype);
  g.fitEndPadding();
  int threads = threadsForWork(engine, g.multiplyAdds());
  ThreadScope scope(threads);

  dnnl::primitive_attr attributes = attributesOf(activation, hasResidual);
  auto make = [&](const MemoryDesc& xDesc, const MemoryDesc& yDesc) {
    return makeForward(engine, g, hasBias, xDesc, yDesc, algorithm::convolution_direct, attributes);
  };
  MemoryDesc given = hasResidual ? memoryDesc(engine, signature.inputs[3]) : anyDesc(y.shape, g.dtype);
  auto desc = choose(memoryDesc(engine, x), given, anyDesc(x.shape, g.dtype), anyDesc(y.shape, g.dtype), make);
  using Forward = dnnl::convolution_forward;
  auto argumentsOf = [hasBias](const Forward::primitive_desc& desc) {
    std::vector<Primitive::Argument> arguments = {
        {DNNL_ARG_SRC, desc.src_desc()}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}, {DNNL_ARG_DST, desc.dst_desc()}};
    if (hasBias) arguments.push_back({DNNL_ARG_BIAS, desc.bias_desc()});
    return arguments;
  };
  desc = fastest<Forward>(
      engine, "forward", signature, g, desc, threads,
      [&](algorithm how) { return makeForward(engine, g, hasBias, desc.src_desc(), desc.dst_desc(), how, attributes); }, argumentsOf);
  if (!isWanted(desc, g.dtype)) return nullptr;

  WeightPlan plan = planWeight(engine, desc.weights_desc(), g, weight.shape, signature.effort);
  auto launch = std::make_shared<Launch>(engine, Primitive(engine, desc, Forward(desc), argumentsOf(desc), threads), plan.reorders,
                                         plainDesc(g.weight, g.dtype), desc.weights_desc(), desc.weights_desc().get_size(), threads);
  auto bytes = static_cast<Index>(desc.dst_desc().get_size());
  auto run = [launch, hasResidual, bytes](const Run& run) {
    // The sums are added to what lies in y: the residual, already there where the plan put both in one place.
    if (hasResidual && run.out<char>(0) != run.in<char>(3)) {
      parallelFor(bytes, 4 * grainElements, [&](Index from, Index to) { std::copy(run.in<char>(3) + from, run.in<char>(3) + to, run.out<char>(0) + from); });
    }
    launch->conv.run({run.in<void>(0), launch->weight(run, 1), run.out<void>(0), run.in<void>(2)}, launch->scratch(run));
  };
  auto kernel = makeKernel(signature, std::move(run), launch->workspaceBytes());
  kernel->outputs[0].layout = layoutOf(engine, desc.dst_desc(), y.shape);
  kernel->inputLayouts = {layoutOf(engine, desc.src_desc(), x.shape), plan.layout, Layout{}};
  if (signature.inputs.size() > 3) kernel->inputLayouts.push_back(hasResidual ? kernel->outputs[0].layout : Layout{});
  return kernel;
}

}  // namespace

KernelPtr prepare(const Conv& op, const Signature& signature, Engine& engine) { return prepareForward(op, signature, engine, Activation::identity); }

KernelPtr prepare(const ConvActivation& op, const Signature& signature, Engine& engine) { return prepareForward(op, signature, engine, op.activation); }

KernelPtr prepare(const ConvBackwardData& op, const Signature& signature, Engine& engine) {
  using Backward = dnnl::convolution_backward_data;
  if (!isSupported(signature)) return nullptr;
  const TensorDesc &dy = signature.inputs[0], &weight = signature.inputs[1], &dx = signature.outputs[0];
  bool hasBias = signature.inputs[2].defined;
  Geometry g(op, dx.shape, weight.shape, dy.shape, dy.dtype);
  g.fitEndPadding();
  int threads = threadsForWork(engine, g.multiplyAdds());
  ThreadScope scope(threads);

  auto makeWith = [&](algorithm how, const MemoryDesc& dyDesc, const MemoryDesc& dxDesc) {
    auto forward = makeForward(engine, g, false, dxDesc, dyDesc, how);
    if (!forward) return Backward::primitive_desc();
    Backward::desc desc(how, dxDesc, anyDesc(g.weight, g.dtype), dyDesc, g.stride, g.dilation, g.low, g.high);
    return Backward::primitive_desc(desc, userScratchpad(), engine.dnnl, forward, true);
  };
  auto make = [&](const MemoryDesc& dyDesc, const MemoryDesc& dxDesc) {
    return makeWith(algorithm::convolution_direct, dyDesc, dxDesc);
  };
  auto desc = choose(memoryDesc(engine, dy), anyDesc(dx.shape, g.dtype), anyDesc(dy.shape, g.dtype), anyDesc(dx.shape, g.dtype), make);
  auto argumentsOf = [](const Backward::primitive_desc& desc) {
    return std::vector<Primitive::Argument>{
        {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}, {DNNL_ARG_DIFF_SRC, desc.diff_src_desc()}};
  };
  desc = fastest<Backward>(
      engine, "backward data", signature, g, desc, threads, [&](algorithm how) { return makeWith(how, desc.diff_dst_desc(), desc.diff_src_desc()); }, argumentsOf);
  if (!isWanted(desc, g.dtype)) return nullptr;

  WeightPlan plan = planWeight(engine, desc.weights_desc(), g, weight.shape, signature.effort);
  Layout dxLayout = layoutOf(engine, desc.diff_src_desc(), dx.shape);
  TensorDesc result = dx;
  result.layout = dxLayout;
  auto view = engine.view(result);
  if (hasBias && !view) return nullptr;
  Primitive conv(engine, desc, Backward(desc), argumentsOf(desc), threads);
  auto launch = std::make_shared<Launch>(engine, std::move(conv), plan.reorders, plainDesc(g.weight, g.dtype), desc.weights_desc(),
                                         desc.weights_desc().get_size(), threads);
  auto run = [launch, hasBias, view, isHalf = g.dtype == DType::bfloat16](const Run& run) {
    launch->conv.run({run.in<void>(0), launch->weight(run, 1), run.out<void>(0)}, launch->scratch(run));
    if (!hasBias) return;
    if (isHalf) {
      addBias(*view, run.in<BFloat16>(2), run.out<BFloat16>(0));
    } else {
      addBias(*view, run.in<float>(2), run.out<float>(0));
    }
  };
  auto kernel = makeKernel(signature, std::move(run), launch->workspaceBytes());
  kernel->inputLayouts = {layoutOf(engine, desc.diff_dst_desc(), dy.shape), plan.layout, Layout{}};
  kernel->outputs[0].layout = dxLayout;
  return kernel;
}

KernelPtr prepare(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  using Backward = dnnl::convolution_backward_weights;
  if (!isSupported(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &dy = signature.inputs[1], &dw = signature.outputs[0];
  bool hasBias = op.bias;
  Geometry g(op, x.shape, dw.shape, dy.shape, x.dtype);
  g.fitEndPadding();
  int threads = threadsForWork(engine, g.multiplyAdds());
  ThreadScope scope(threads);

  auto makeWith = [&](algorithm how, const MemoryDesc& xDesc, const MemoryDesc& dyDesc) {
    auto forward = makeForward(engine, g, hasBias, xDesc, dyDesc, how);
    if (!forward) return Backward::primitive_desc();
    auto desc = hasBias ? Backward::desc(how, xDesc, anyDesc(g.weight, g.dtype), plainDesc(g.bias, g.dtype), dyDesc, g.stride, g.dilation, g.low, g.high)
                        : Backward::desc(how, xDesc, anyDesc(g.weight, g.dtype), dyDesc, g.stride, g.dilation, g.low, g.high);
    return Backward::primitive_desc(desc, userScratchpad(), engine.dnnl, forward, true);
  };
  auto make = [&](const MemoryDesc& xDesc, const MemoryDesc& dyDesc) {
    return makeWith(algorithm::convolution_direct, xDesc, dyDesc);
  };
  auto desc = choose(memoryDesc(engine, x), memoryDesc(engine, dy), anyDesc(x.shape, g.dtype), anyDesc(dy.shape, g.dtype), make);
  auto argumentsOf = [hasBias](const Backward::primitive_desc& desc) {
    std::vector<Primitive::Argument> arguments = {{DNNL_ARG_SRC, desc.src_desc()},
                                                  {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
                                                  {DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc()}};
    if (hasBias) arguments.push_back({DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc()});
    return arguments;
  };
  desc = fastest<Backward>(
      engine, "backward weights", signature, g, desc, threads, [&](algorithm how) { return makeWith(how, desc.src_desc(), desc.diff_dst_desc()); }, argumentsOf);
  if (!isWanted(desc, g.dtype)) return nullptr;

  WeightPlan plan = planWeight(engine, desc.diff_weights_desc(), g, dw.shape, Effort::eager);
  auto launch = std::make_shared<Launch>(engine, Primitive(engine, desc, Backward(desc), argumentsOf(desc), threads), plan.reorders,
                                         desc.diff_weights_desc(), plainDesc(g.weight, g.dtype), desc.diff_weights_desc().get_size(), threads);
  auto run = [launch, hasBias](const Run& run) {
    void* dw = launch->reorder ? run.workspace : run.out<void>(0);
    launch->conv.run({run.in<void>(0), run.in<void>(1), dw, hasBias ? run.out<void>(1) : nullptr}, launch->scratch(run));
    if (launch->reorder) launch->reorder.run({dw, run.out<void>(0)}, launch->scratch(run));
  };
  auto kernel = makeKernel(signature, std::move(run), launch->workspaceBytes());
  kernel->inputLayouts = {layoutOf(engine, desc.src_desc(), x.shape), layoutOf(engine, desc.diff_dst_desc(), dy.shape)};
  kernel->outputs[0].layout = plan.layout;
  return kernel;
}

}  // namespace cnn::cpu

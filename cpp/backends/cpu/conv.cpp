// Convolution and its gradients by oneDNN, in the layouts that it likes best.
#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>

#include "base/error.hpp"
#include "channels.hpp"
#include "conv_geometry.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "team.hpp"

namespace cnn::cpu {

namespace {

using dnnl::algorithm;
using dnnl::prop_kind;

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
                 algorithm how = algorithm::convolution_direct, const dnnl::primitive_attr& attributes = userScratchpad(),
                 prop_kind kind = prop_kind::forward_training) {
  using Forward = dnnl::convolution_forward;
  MemoryDesc weight = anyDesc(g.weight, g.dtype);
  auto desc = hasBias ? Forward::desc(kind, how, x, weight, plainDesc(g.bias, g.dtype), y, g.stride, g.dilation, g.low, g.high)
                      : Forward::desc(kind, how, x, weight, y, g.stride, g.dilation, g.low, g.high);
  return Forward::primitive_desc(desc, attributes, engine.dnnl, true);
}

// A convolution made ready: its primitives and, where the weights have an order of oneDNN's own, the reorder between that and the plain
// one. It runs in a workspace of [reordered weights | scratch memory].
struct Launch {
  Team conv;
  Primitive reorder;
  std::size_t scratchAt = 0;

  std::size_t workspaceBytes() const { return scratchAt + std::max(conv.scratchBytes(), reorder.scratchBytes()); }
  void* scratch(const Run& run) const { return run.workspace ? static_cast<char*>(run.workspace) + scratchAt : nullptr; }
  // The weights as the convolution reads them.
  const void* weight(const Run& run, int input) const {
    if (!reorder) return run.in<void>(input);
    reorder.run({run.in<void>(input), run.workspace}, scratch(run));
    return run.workspace;
  }
};

// One way to compute a convolution.
struct Candidate {
  std::string name;
  std::shared_ptr<Launch> launch;
  Layout weight;
  std::array<std::size_t, 4> bytes{};  // of each argument
  std::function<void()> tune;          // finds out whether another is faster
};

// Seconds that a candidate takes, the least of three runs, on memory of its own.
double secondsOf(const Candidate& candidate) {
  std::vector<std::vector<float>> memory;
  auto aligned64 = [&](std::size_t bytes) {
    memory.emplace_back(bytes / sizeof(float) + 16, 0.5f);
    auto address = reinterpret_cast<std::uintptr_t>(memory.back().data());
    return reinterpret_cast<void*>((address + 63) / 64 * 64);
  };
  std::array<const void*, 4> pointers{};
  for (std::size_t i = 0; i < pointers.size(); i++) pointers[i] = aligned64(candidate.bytes[i]);
  void* scratch = aligned64(candidate.launch->conv.scratchBytes());
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 4; i++) {  // the first warms up
    auto start = std::chrono::steady_clock::now();
    candidate.launch->conv.run(pointers, scratch);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (i > 0) least = std::min(least, seconds.count());
  }
  return least;
}

// The fastest here, as timed once on this machine, the earlier of two that are level. While that is not known: the first, and how to find out.
std::pair<Candidate, std::function<void()>> fastest(Engine& engine, std::string_view kind, const Geometry& g, const std::vector<Candidate>& candidates,
                                                    int threads) {
  if (candidates.size() == 1) return {candidates[0], nullptr};
  const dnnl_version_t& version = *dnnl_version();
  std::string key = text(processorName(), ", oneDNN ", version.major, ".", version.minor, ".", version.patch, ", ", threads, " threads: ",
                         kind, " ", g.x, " to ", g.y, ":");
  for (const Candidate& each : candidates) key += " " + each.name;
  if (auto known = engine.choices.find(key); known && *known < static_cast<int>(candidates.size())) {
    return {candidates[static_cast<std::size_t>(*known)], nullptr};
  }
  auto tune = [&engine, candidates, key] {
    if (engine.choices.find(key)) return;  // another kernel of this kind was first
    std::size_t best = 0;
    double least = secondsOf(candidates[0]);
    for (std::size_t i = 1; i < candidates.size(); i++) {
      double seconds = secondsOf(candidates[i]);
      if (seconds * 1.05 >= least) continue;
      least = seconds;
      best = i;
    }
    engine.choices.keep(key, static_cast<int>(best));
  };
  return {candidates[0], tune};
}

// The format of weights whose outermost step goes over the output channels, so that those of some channels lie in one run; nothing for others.
std::optional<Format> outputsFirst(const MemoryDesc& desc, const Geometry& geometry) {
  auto format = weightFormat(desc, geometry);
  if (!format) return std::nullopt;
  bool hasStep = std::any_of(format->begin(), format->end(), [](Step step) { return step.axis == 0 && step.block == 0; });
  if (!hasStep) format->insert(format->begin(), {0, 0});  // a single block
  return format->front().axis == 0 ? format : std::nullopt;
}

enum class Direction { forward, backwardData, backwardWeight };

constexpr std::string_view nameOf(Direction direction) {
  return direction == Direction::forward ? "forward" : direction == Direction::backwardData ? "backward data" : "backward weights";
}

// Makes the candidates for one convolution whose activations lie in known layouts.
template <class AnyConv>
class Maker {
 public:
  using Desc = typename AnyConv::primitive_desc;
  // The desc of a convolution of this geometry, its activations in those descs; empty where oneDNN has nothing.
  using Describe = std::function<Desc(const Geometry&, const MemoryDesc& x, const MemoryDesc& y, algorithm)>;
  // The arguments of the primitive in the order in which pointers come, and the places of x, weight, y and bias among them (-1: none).
  using ArgumentsOf = std::function<std::vector<Primitive::Argument>(const Desc&)>;
  struct Order {
    int x, weight, y, bias;
  };

  Maker(Engine& engine, const Signature& signature, Direction direction, const Geometry& whole, const Dims& plainWeight, Layout x, Layout y, int threads, Order order,
        Describe describe, ArgumentsOf argumentsOf)
      : engine_(engine), signature_(signature), direction_(direction), whole_(whole), plainWeight_(plainWeight), x_(x), y_(y), threads_(threads), order_(order),
        describe_(std::move(describe)), argumentsOf_(std::move(argumentsOf)) {}

  // Nothing where oneDNN has no such implementation, or would do the pieces by another one than the whole, which `direct` describes.
  std::optional<Candidate> make(const std::vector<Part>& parts, algorithm how, const Desc& direct) const {
    bool isWhole = parts.size() == 1, sharesWeights = parts.back().output == 0;
    int threads = isWhole ? threads_ : 1;
    ThreadScope scope(threads);
    auto launch = std::make_shared<Launch>();
    std::vector<Desc> descs;
    for (const Part& part : parts) {
      const Geometry& g = part.geometry;
      auto descOf = [&](int argument, const Dims& shape) { return runOf(argumentsOf_(direct)[static_cast<std::size_t>(argument)].desc, shape); };
      Desc desc = describe_(g, descOf(order_.x, g.x), descOf(order_.y, g.y), how);
      if (!desc) return std::nullopt;
      bool isTransformed = implementation(desc).find("wino") != std::string::npos;
      if (how == algorithm::convolution_winograd ? !isTransformed : implementation(desc) != implementation(direct)) return std::nullopt;
      descs.push_back(std::move(desc));
    }
    auto weightDesc = [&](std::size_t i) { return argumentsOf_(descs[i])[static_cast<std::size_t>(order_.weight)].desc; };
    bool isGradient = direction_ == Direction::backwardWeight;  // which others read: in an order that they know
    WeightPlan plan = planWeight(engine_, weightDesc(0), whole_, plainWeight_, isGradient ? Effort::eager : signature_.effort);
    std::size_t weightBytes = weightDesc(0).get_size();
    if (sharesWeights) {
      for (std::size_t i = 1; i < parts.size(); i++) {
        if (weightDesc(i) != weightDesc(0)) return std::nullopt;
      }
    } else {  // each part's weights are a run of the whole ones
      auto format = outputsFirst(weightDesc(0), parts[0].geometry);
      if (!format) return std::nullopt;
      for (std::size_t i = 1; i < parts.size(); i++) {
        if (outputsFirst(weightDesc(i), parts[i].geometry) != format) return std::nullopt;
        weightBytes += weightDesc(i).get_size();
      }
      plan = {engine_.layouts.intern(*format, plainWeight_), false};
      if (weightBytes != static_cast<std::size_t>(paddedElements(*format, plainWeight_)) * sizeOf(whole_.dtype)) return std::nullopt;
    }
    Candidate candidate{text(implementation(descs[0]), isWhole ? "" : sharesWeights ? "/samples" : "/channels", engine_.isOpaque(plan.layout) ? "/transformed" : ""), launch, plan.layout};
    std::size_t weightAt = 0, size = sizeOf(whole_.dtype);
    for (std::size_t i = 0; i < parts.size(); i++) {
      std::vector<Primitive::Argument> arguments = argumentsOf_(descs[i]);
      std::vector<std::size_t> offsets(arguments.size());
      auto place = [&](int at, Index elements) {
        if (at >= 0) offsets[static_cast<std::size_t>(at)] = static_cast<std::size_t>(elements) * size;
      };
      place(order_.x, parts[i].x);
      place(order_.y, parts[i].y);
      place(order_.bias, parts[i].output);
      offsets[static_cast<std::size_t>(order_.weight)] = weightAt;
      if (!sharesWeights) weightAt += weightDesc(i).get_size();
      for (std::size_t a = 0; a < arguments.size(); a++) {
        candidate.bytes[a] = std::max(candidate.bytes[a], offsets[a] + arguments[a].desc.get_size());
      }
      launch->conv.add(Primitive(engine_, descs[i], AnyConv(descs[i]), arguments, threads), std::move(offsets));
    }
    if (plan.reorders) {
      MemoryDesc plain = plainDesc(whole_.weight, whole_.dtype);
      launch->reorder = isGradient ? makeReorder(engine_, weightDesc(0), plain, threads) : makeReorder(engine_, plain, weightDesc(0), threads);
      launch->scratchAt = aligned(weightBytes);
    }
    return candidate;
  }

  // In parts where it falls into some, else whole, as `direct` describes it; or, where time may be spent on it, what is found fastest here, Winograd's
  // algorithm included.
  std::optional<Candidate> best(const Desc& direct) const {
    std::vector<std::vector<Part>> cuts;
    auto parts = partsOf(engine_, whole_, x_, y_, threads_);
    // Each element of dx is a sum over all output channels, but for depthwise ones; one of dw is a sum over all samples.
    bool isSummed = direction_ == Direction::backwardWeight || (direction_ == Direction::backwardData && whole_.groups == 1 && whole_.x[0] == 1);
    if (parts && !isSummed) cuts.push_back(std::move(*parts));
    cuts.push_back({Part{whole_}});
    bool isTimed = signature_.effort == Effort::winograd && whole_.canTransform();
    std::vector<Candidate> candidates;
    auto consider = [&](algorithm how) {
      std::optional<Candidate> candidate;
      for (auto cut = cuts.begin(); cut != cuts.end() && !candidate; cut++) candidate = make(*cut, how, direct);
      if (candidate) candidates.push_back(std::move(*candidate));
    };
    consider(algorithm::convolution_direct);
    if (isTimed) consider(algorithm::convolution_winograd);
    if (candidates.empty()) return std::nullopt;
    auto [best, tune] = fastest(engine_, nameOf(direction_), whole_, candidates, threads_);
    best.tune = std::move(tune);
    return std::move(best);
  }

 private:
  Engine& engine_;
  const Signature& signature_;
  Direction direction_;
  const Geometry& whole_;
  const Dims& plainWeight_;
  Layout x_, y_;
  int threads_;
  Order order_;
  Describe describe_;
  ArgumentsOf argumentsOf_;
};

// Inputs: x weight bias? residual?
template <class AnyConv>
KernelPtr prepareForward(const AnyConv& op, const Signature& signature, Engine& engine, Activation activation) {
  if (!isSupported(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &weight = signature.inputs[1], &y = signature.outputs[0];
  bool hasBias = signature.inputs[2].defined, hasResidual = signature.inputs.size() > 3 && signature.inputs[3].defined;
  Geometry g(op, x.shape, weight.shape, y.shape, x.dtype);
  int threads = threadsForWork(engine, g.work());
  ThreadScope scope(threads);

  using Forward = dnnl::convolution_forward;
  dnnl::primitive_attr attributes = attributesOf(activation, hasResidual);
  auto describe = [&](const Geometry& part, const MemoryDesc& xDesc, const MemoryDesc& yDesc, algorithm how) {
    // In inference Winograd's algorithm takes weights that were transformed before.
    bool areKept = how == algorithm::convolution_winograd && signature.isStable(1);
    return makeForward(engine, part, hasBias, xDesc, yDesc, how, attributes, areKept ? prop_kind::forward_inference : prop_kind::forward_training);
  };
  MemoryDesc given = hasResidual ? memoryDesc(engine, signature.inputs[3]) : anyDesc(y.shape, g.dtype);
  auto desc = choose(memoryDesc(engine, x), given, anyDesc(x.shape, g.dtype), anyDesc(y.shape, g.dtype), [&](const MemoryDesc& xDesc, const MemoryDesc& yDesc) {
    return describe(g, xDesc, yDesc, algorithm::convolution_direct);
  });
  if (!isWanted(desc, g.dtype)) return nullptr;
  Layout xLayout = layoutOf(engine, desc.src_desc(), x.shape), yLayout = layoutOf(engine, desc.dst_desc(), y.shape);
  auto argumentsOf = [hasBias](const Forward::primitive_desc& desc) {
    std::vector<Primitive::Argument> arguments = {
        {DNNL_ARG_SRC, desc.src_desc()}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}, {DNNL_ARG_DST, desc.dst_desc()}};
    if (hasBias) arguments.push_back({DNNL_ARG_BIAS, desc.bias_desc()});
    return arguments;
  };
  Maker<Forward> maker(engine, signature, Direction::forward, g, weight.shape, xLayout, yLayout, threads, {.x = 0, .weight = 1, .y = 2, .bias = hasBias ? 3 : -1}, describe, argumentsOf);
  std::optional<Candidate> best = maker.best(desc);
  if (!best) return nullptr;

  auto bytes = static_cast<Index>(desc.dst_desc().get_size());
  auto run = [launch = best->launch, hasResidual, bytes](const Run& run) {
    // The sums are added to what lies in y: the residual, already there where the plan put both in one place.
    if (hasResidual && run.out<char>(0) != run.in<char>(3)) {
      parallelFor(bytes, 4 * grainElements, [&](Index from, Index to) { std::copy(run.in<char>(3) + from, run.in<char>(3) + to, run.out<char>(0) + from); });
    }
    const void* pointers[] = {run.in<void>(0), launch->weight(run, 1), run.out<void>(0), run.in<void>(2)};
    launch->conv.run(pointers, launch->scratch(run));
  };
  auto kernel = makeKernel(signature, std::move(run), best->launch->workspaceBytes());
  kernel->outputs[0].layout = yLayout;
  kernel->tune = best->tune;
  kernel->inputLayouts = {xLayout, best->weight, Layout{}};
  if (signature.inputs.size() > 3) kernel->inputLayouts.push_back(hasResidual ? yLayout : Layout{});
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
  int threads = threadsForWork(engine, g.work());
  ThreadScope scope(threads);

  auto describe = [&](const Geometry& part, const MemoryDesc& dxDesc, const MemoryDesc& dyDesc, algorithm how) {
    auto forward = makeForward(engine, part, false, dxDesc, dyDesc, how);
    if (!forward) return Backward::primitive_desc();
    Backward::desc desc(how, dxDesc, anyDesc(part.weight, part.dtype), dyDesc, part.stride, part.dilation, part.low, part.high);
    return Backward::primitive_desc(desc, userScratchpad(), engine.dnnl, forward, true);
  };
  auto desc = choose(memoryDesc(engine, dy), anyDesc(dx.shape, g.dtype), anyDesc(dy.shape, g.dtype), anyDesc(dx.shape, g.dtype),
                     [&](const MemoryDesc& dyDesc, const MemoryDesc& dxDesc) { return describe(g, dxDesc, dyDesc, algorithm::convolution_direct); });
  if (!isWanted(desc, g.dtype)) return nullptr;
  TensorDesc result(dx.dtype, dx.shape, layoutOf(engine, desc.diff_src_desc(), dx.shape));
  auto view = engine.view(result);
  if (hasBias && !view) return nullptr;
  Layout dyLayout = layoutOf(engine, desc.diff_dst_desc(), dy.shape);
  auto argumentsOf = [](const Backward::primitive_desc& desc) {
    return std::vector<Primitive::Argument>{
        {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}, {DNNL_ARG_DIFF_SRC, desc.diff_src_desc()}};
  };
  Maker<Backward> maker(engine, signature, Direction::backwardData, g, weight.shape, result.layout, dyLayout, threads,
                        {.x = 2, .weight = 1, .y = 0, .bias = -1}, describe, argumentsOf);
  std::optional<Candidate> best = maker.best(desc);
  if (!best) return nullptr;

  auto run = [launch = best->launch, hasBias, view, isHalf = g.dtype == DType::bfloat16](const Run& run) {
    const void* pointers[] = {run.in<void>(0), launch->weight(run, 1), run.out<void>(0)};
    launch->conv.run(pointers, launch->scratch(run));
    if (!hasBias) return;
    if (isHalf) {
      addBias(*view, run.in<BFloat16>(2), run.out<BFloat16>(0));
    } else {
      addBias(*view, run.in<float>(2), run.out<float>(0));
    }
  };
  auto kernel = makeKernel(signature, std::move(run), best->launch->workspaceBytes());
  kernel->tune = best->tune;
  kernel->inputLayouts = {dyLayout, best->weight, Layout{}};
  kernel->outputs[0].layout = result.layout;
  return kernel;
}

KernelPtr prepare(const ConvBackwardWeight& op, const Signature& signature, Engine& engine) {
  using Backward = dnnl::convolution_backward_weights;
  if (!isSupported(signature)) return nullptr;
  const TensorDesc &x = signature.inputs[0], &dy = signature.inputs[1], &dw = signature.outputs[0];
  bool hasBias = op.bias;
  Geometry g(op, x.shape, dw.shape, dy.shape, x.dtype);
  int threads = threadsForWork(engine, g.work());
  ThreadScope scope(threads);

  auto describe = [&](const Geometry& part, const MemoryDesc& xDesc, const MemoryDesc& dyDesc, algorithm how) {
    auto forward = makeForward(engine, part, hasBias, xDesc, dyDesc, how);
    if (!forward) return Backward::primitive_desc();
    MemoryDesc weight = anyDesc(part.weight, part.dtype);
    auto desc = hasBias ? Backward::desc(how, xDesc, weight, plainDesc(part.bias, part.dtype), dyDesc, part.stride, part.dilation, part.low, part.high)
                        : Backward::desc(how, xDesc, weight, dyDesc, part.stride, part.dilation, part.low, part.high);
    return Backward::primitive_desc(desc, userScratchpad(), engine.dnnl, forward, true);
  };
  auto desc = choose(memoryDesc(engine, x), memoryDesc(engine, dy), anyDesc(x.shape, g.dtype), anyDesc(dy.shape, g.dtype),
                     [&](const MemoryDesc& xDesc, const MemoryDesc& dyDesc) { return describe(g, xDesc, dyDesc, algorithm::convolution_direct); });
  if (!isWanted(desc, g.dtype)) return nullptr;
  Layout xLayout = layoutOf(engine, desc.src_desc(), x.shape), dyLayout = layoutOf(engine, desc.diff_dst_desc(), dy.shape);
  auto argumentsOf = [hasBias](const Backward::primitive_desc& desc) {
    std::vector<Primitive::Argument> arguments = {{DNNL_ARG_SRC, desc.src_desc()},
                                                  {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
                                                  {DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc()}};
    if (hasBias) arguments.push_back({DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc()});
    return arguments;
  };
  Maker<Backward> maker(engine, signature, Direction::backwardWeight, g, dw.shape, xLayout, dyLayout, threads,
                        {.x = 0, .weight = 2, .y = 1, .bias = hasBias ? 3 : -1}, describe, argumentsOf);
  std::optional<Candidate> best = maker.best(desc);
  if (!best) return nullptr;

  auto run = [launch = best->launch, hasBias](const Run& run) {
    void* dw = launch->reorder ? run.workspace : run.out<void>(0);
    const void* pointers[] = {run.in<void>(0), run.in<void>(1), dw, hasBias ? run.out<void>(1) : nullptr};
    launch->conv.run(pointers, launch->scratch(run));
    if (launch->reorder) launch->reorder.run({dw, run.out<void>(0)}, launch->scratch(run));
  };
  auto kernel = makeKernel(signature, std::move(run), best->launch->workspaceBytes());
  kernel->tune = best->tune;
  kernel->inputLayouts = {xLayout, dyLayout};
  kernel->outputs[0].layout = best->weight;
  return kernel;
}

}  // namespace cnn::cpu

// Recording: a recorded function, the tensors from outside that it uses, and what must still be so when its program
// runs.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/tensor.hpp"
#include "graph.hpp"

namespace cnn::graph {

/// A leaf whose gradient the function reads or replaces.
struct Leaf {
  std::weak_ptr<TensorImpl> tensor;
  int input = -1;  // the leaf is this argument, another one at each run
};

/// How the function came by memory that was there before: a tensor from outside (a parameter or buffer), or the
/// gradient that a leaf has when a run begins. A program does not keep alive what JavaScript can dispose of.
struct Name {
  std::weak_ptr<TensorImpl> tensor;
  Leaf gradientOf;
  bool isGradient = false, requiresGrad = false;
};

/// Memory that the function used without getting it as an argument.
struct CapturedTensor {
  Name name;        // the first, or
  Tensor constant;  // what only this program knows
};

/// Another name of the same memory: it must be so in each run.
struct Alias {
  Name name;
  ValueId value = noValue;  // an input or captured tensor
};

/// What becomes of a leaf's gradient.
struct GradientEffect {
  Leaf leaf;
  int result = -1;  // in graph.results; -1: no gradient is left
};

/// A leaf wants a gradient from now on, or no longer.
struct RequiresGradEffect {
  Leaf leaf;
  bool requiresGrad = false;
};

/// What a leaf's gradient must be when a run begins, since the function looked at it: there or not.
struct GradientGuard {
  Leaf leaf;
  bool hasGradient = false;
};

struct Recording {
  DevicePtr device;
  Graph graph;
  std::vector<TensorDesc> inputs;
  std::vector<CapturedTensor> captured;
  std::size_t resultCount = 0;  // graph.results begins with what the function returned; gradients follow
  std::vector<GradientEffect> effects;
  std::vector<RequiresGradEffect> requiresGradEffects;
  std::vector<GradientGuard> guards;
  std::vector<std::pair<std::size_t, std::size_t>> sharedInputs;  // arguments that share their memory
  std::vector<Alias> aliases;
  Index firstOffset = 0, offsetCount = 0;  // of the random ops
  int providers = 0;
};

/// Which of the tensors from outside the function overwrites.
struct Overwritten {
  Overwritten(const Graph& graph, std::size_t capturedCount);
  std::vector<bool> captured;
  bool anyInput = false;
};

/// The leaf in a call with these arguments; null if it has gone.
std::shared_ptr<TensorImpl> leafOf(const Leaf& leaf, std::span<const Tensor> inputs);
/// The captured tensor as it is in such a call; null if it has gone.
std::shared_ptr<TensorImpl> tensorOf(const CapturedTensor& captured, std::span<const Tensor> inputs);
/// Whether a program of this recording may run with these arguments: the tensors that the function used are there, on
/// their device, the same ones share memory, and gradients are there or not as they were. (What JavaScript holds,
/// fields of modules, is compared there: lib/guards.ts.)
bool holds(const Recording& recording, const Graph& graph, const Overwritten& overwritten,
           std::span<const Tensor> inputs);

}  // namespace cnn::graph

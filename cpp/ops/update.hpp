// Ops that overwrite their inputs: optimizer steps over many tensors in one call, gradient clipping, copying.
// Formulas are those of torch.optim 2.13. Lists have equal lengths; an empty list is allowed where it is not used.
#pragma once

#include "field.hpp"

namespace cnn {

/// g ← grad + weightDecay·p; with momentum: b ← g at `step` 1, else momentum·b + (1 − dampening)·g; g ← nesterov ? g +
/// momentum·b : b; p ← p − learningRate·g. `buffers` is empty without momentum.
struct Sgd : OpBase<Sgd> {
  static constexpr std::string_view name = "sgd", inputs = "params... grads... buffers...", outputs = "",
                                    mutates = "params buffers";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  Index count = 0;  // number of params
  bool nesterov = false;
  double learningRate = 0.01, momentum = 0, dampening = 0, weightDecay = 0;
  Index step = 1;
  FIELDS(Sgd, count, nesterov)
  DYNAMIC(Sgd, learningRate, momentum, dampening, weightDecay, step)
};

/// `decoupled`: AdamW (weight decay applied to p, not to the gradient). `maxSquares` is empty without amsgrad. step
/// counts from 1.
struct Adam : OpBase<Adam> {
  static constexpr std::string_view name = "adam", inputs = "params... grads... averages... squares... maxSquares...",
                                    outputs = "", mutates = "params averages squares maxSquares";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  Index count = 0;  // number of params
  bool decoupled = false;
  double learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0;
  Index step = 1;
  FIELDS(Adam, count, decoupled)
  DYNAMIC(Adam, learningRate, beta1, beta2, eps, weightDecay, step)
};

/// `buffers` is empty without momentum, `averages` (of the gradient) without `centered`.
struct RmsProp : OpBase<RmsProp> {
  static constexpr std::string_view name = "rmsProp", inputs = "params... grads... squares... buffers... averages...",
                                    outputs = "", mutates = "params squares buffers averages";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  Index count = 0;  // number of params
  bool centered = false;
  double learningRate = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0;
  FIELDS(RmsProp, count, centered)
  DYNAMIC(RmsProp, learningRate, alpha, eps, weightDecay, momentum)
};

/// Scales all grads by min(1, maxNorm/(norm + 1e-6)); `norm` (scalar) is the norm of all of them together before, of
/// order normType (infinity allowed).
struct ClipGradNorm : OpBase<ClipGradNorm> {
  static constexpr std::string_view name = "clipGradNorm", inputs = "grads...", outputs = "norm", mutates = "grads";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  double maxNorm = 1, normType = 2;
  DYNAMIC(ClipGradNorm, maxNorm, normType)
};

struct ClipGradValue : OpBase<ClipGradValue> {
  static constexpr std::string_view name = "clipGradValue", inputs = "grads...", outputs = "", mutates = "grads";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
  double clipValue = 1;
  DYNAMIC(ClipGradValue, clipValue)
};

/// target ← source (same shape and type).
struct Copy : OpBase<Copy> {
  static constexpr std::string_view name = "copy", inputs = "target source", outputs = "", mutates = "target";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::moved, Halves::all};
  static constexpr Gradient gradient = Gradient::zero;
};

}  // namespace cnn

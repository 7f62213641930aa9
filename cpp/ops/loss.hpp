// Softmax and the negative log-likelihood; every other loss is written with elementwise ops and reductions.
#pragma once

#include "field.hpp"

namespace cnn {

/// softmax (or log-softmax) along `axis` (in [0, rank)).
struct Softmax : OpBase<Softmax> {
  static constexpr std::string_view name = "softmax", inputs = "x", saves = "y";
  Index axis = 0;
  bool log = false;
  FIELDS(Softmax, axis, log)
};

struct SoftmaxBackward : OpBase<SoftmaxBackward> {
  static constexpr std::string_view name = "softmaxBackward", inputs = "dy y", outputs = "dx", saves = "dy y";
  Index axis = 0;
  bool log = false;
  FIELDS(SoftmaxBackward, axis, log)
};

NAMED_ENUM(Reduction, none, mean, sum);

/// −weight[target]·logp[target]: logp [N, C, …], target int32 [N, …], weight [C]. mean divides by the sum of the weights used.
/// A target equal to ignoreIndex counts nothing; one outside [0, C) is a ValueError. totalWeight is a scalar.
struct NllLoss : OpBase<NllLoss> {
  static constexpr std::string_view name = "nllLoss", inputs = "logp target weight?", outputs = "loss totalWeight",
                                    saves = "target weight totalWeight";
  static constexpr bool failsByValue = true;
  Reduction reduction = Reduction::mean;
  Index ignoreIndex = -100;
  FIELDS(NllLoss, reduction, ignoreIndex)
};

/// dy: scalar, or [N, …] where reduction is none → dlogp [N, classes, …].
struct NllLossBackward : OpBase<NllLossBackward> {
  static constexpr std::string_view name = "nllLossBackward", inputs = "dy target weight? totalWeight", outputs = "dlogp",
                                    saves = "target weight";
  static constexpr bool failsByValue = true;
  Reduction reduction = Reduction::mean;
  Index ignoreIndex = -100;
  Index classes = 1;
  FIELDS(NllLossBackward, reduction, ignoreIndex, classes)
};

}  // namespace cnn

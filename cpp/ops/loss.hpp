// Softmax, the negative log-likelihood, and losses of pairs whose gradients hold at their edges; every other loss is
// written with elementwise ops and reductions.
#pragma once

#include "field.hpp"

namespace cnn {

/// softmax (or log-softmax) along `axis` (in [0, rank)).
struct Softmax : OpBase<Softmax> {
  static constexpr std::string_view name = "softmax", inputs = "x", saves = "y";
  static constexpr Traits traits{Precision::single, Samples::byFields, Elements::computed, Halves::all};
  Index axis = 0;
  bool log = false;
  FIELDS(Softmax, axis, log)
};

struct SoftmaxBackward : OpBase<SoftmaxBackward> {
  static constexpr std::string_view name = "softmaxBackward", inputs = "dy y", outputs = "dx", saves = "dy y";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  Index axis = 0;
  bool log = false;
  FIELDS(SoftmaxBackward, axis, log)
};

NAMED_ENUM(Reduction, none, mean, sum);

/// −weight[target]·logp[target]: logp [N, C, …], target int32 [N, …], weight [C]. mean divides by the sum of the
/// weights used. A target equal to ignoreIndex counts nothing; one outside [0, C) is a ValueError. totalWeight is a
/// scalar.
struct NllLoss : OpBase<NllLoss> {
  static constexpr std::string_view name = "nllLoss", inputs = "logp target weight?", outputs = "loss totalWeight",
                                    saves = "target weight totalWeight";
  static constexpr Traits traits{Precision::single, Samples::mixed, Elements::computed, Halves::all};
  static constexpr bool failsByValue = true;
  Reduction reduction = Reduction::mean;
  Index ignoreIndex = -100;
  FIELDS(NllLoss, reduction, ignoreIndex)
};

/// dy: scalar, or [N, …] where reduction is none → dlogp [N, classes, …].
struct NllLossBackward : OpBase<NllLossBackward> {
  static constexpr std::string_view name = "nllLossBackward", inputs = "dy target weight? totalWeight",
                                    outputs = "dlogp", saves = "target weight";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  static constexpr bool failsByValue = true;
  Reduction reduction = Reduction::mean;
  Index ignoreIndex = -100;
  Index classes = 1;
  FIELDS(NllLossBackward, reduction, ignoreIndex, classes)
};

NAMED_ENUM(PairLossFunction, smoothL1, binaryCrossEntropy);

/// The loss of each pair of elements, d being x − target:
///   smoothL1             d²/(2·beta) where |d| < beta, else |d| − beta/2; beta > 0
///   binaryCrossEntropy   −target·log x − (1 − target)·log(1 − x), logarithms being at least −100; x in [0, 1], else
///   NaN
struct PairLoss : OpBase<PairLoss> {
  static constexpr std::string_view name = "pairLoss", inputs = "x target", outputs = "loss", saves = "x target";
  static constexpr Traits traits{Precision::single, Samples::byFields, Elements::computed, Halves::all};
  PairLossFunction function = PairLossFunction::smoothL1;
  double beta = 1;
  FIELDS(PairLoss, function, beta)
};

/// dx of dy, by the formulas of PyTorch: smoothL1 is ±dy from |d| = beta on, binaryCrossEntropy divides by at least
/// 1e-12.
struct PairLossBackward : OpBase<PairLossBackward> {
  static constexpr std::string_view name = "pairLossBackward", inputs = "dy x target", outputs = "dx",
                                    saves = "dy x target";
  static constexpr Traits traits{Precision::given, Samples::mixed, Elements::computed, Halves::all};
  PairLossFunction function = PairLossFunction::smoothL1;
  double beta = 1;
  FIELDS(PairLossBackward, function, beta)
};

/// What binaryCrossEntropy divides by at least, and the least logarithm that it takes.
inline constexpr double leastDivisor = 1e-12, leastLogarithm = -100;

}  // namespace cnn

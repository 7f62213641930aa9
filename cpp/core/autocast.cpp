// The lists of autocast, and the casts.
#include "autocast.hpp"

#include <algorithm>

#include "apply.hpp"
#include "tape.hpp"

namespace cnn {

namespace {

// Ops that are not named here compute in the type that comes.
template <class O>
Precision precision(const O&) {
  return Precision::given;
}

Precision precision(const Conv&) { return Precision::half; }
Precision precision(const ConvBackwardData&) { return Precision::half; }  // the transposed convolution
Precision precision(const Linear&) { return Precision::half; }
Precision precision(const MatMul&) { return Precision::half; }

Precision precision(const Softmax&) { return Precision::single; }
Precision precision(const NllLoss&) { return Precision::single; }
Precision precision(const GroupNorm&) { return Precision::single; }
Precision precision(const LayerNorm&) { return Precision::single; }
Precision precision(const LocalResponseNorm&) { return Precision::single; }

Precision precision(const Unary& unary) {
  switch (unary.function) {
    case UnaryFunction::exp:
    case UnaryFunction::expm1:
    case UnaryFunction::log:
    case UnaryFunction::log1p:
    case UnaryFunction::powScalar:
    case UnaryFunction::square:
    case UnaryFunction::reciprocal:
    case UnaryFunction::rsqrt:
    case UnaryFunction::softplus: return Precision::single;
    default: return Precision::given;
  }
}

Precision precision(const Reduce& reduce) {
  switch (reduce.function) {
    case ReduceFunction::sum:
    case ReduceFunction::mean:
    case ReduceFunction::prod: return Precision::single;
    default: return Precision::given;
  }
}

Precision precision(const Variance&) { return Precision::single; }
Precision precision(const PairLoss&) { return Precision::single; }

Precision precision(const Binary& binary) { return binary.function == BinaryFunction::pow ? Precision::single : Precision::widest; }
Precision precision(const Where&) { return Precision::widest; }
Precision precision(const Concat&) { return Precision::widest; }

bool isCast(const Tensor& tensor, DType dtype) { return tensor && wide(tensor.dtype()) == DType::float32 && tensor.dtype() != dtype; }

Tensor castTo(Session& session, const Tensor& tensor, DType dtype) { return apply(session, Cast{.dtype = dtype}, {&tensor, 1})[0]; }

}  // namespace

Precision precisionOf(const Op& op) {
  return std::visit([](const auto& each) { return precision(each); }, op);
}

Tensors autocast(Session& session, const Op& op, Tensors inputs) {
  auto has = [&](DType dtype) {
    return std::any_of(inputs.begin(), inputs.end(), [dtype](const Tensor& each) { return each && each.dtype() == dtype; });
  };
  DType target = DType::float32;
  switch (precisionOf(op)) {
    case Precision::given: return inputs;
    case Precision::half: target = *session.autocast; break;
    case Precision::single: break;
    case Precision::widest:
      if (has(DType::float32) || (has(DType::bfloat16) && has(DType::float16))) break;
      return inputs;
  }
  if (has(DType::float64)) return inputs;
  for (Tensor& each : inputs) {
    if (!isCast(each, target)) continue;
    const bool isParameter = each->requiresGrad && !each->node && isHalf(target);
    if (!isParameter) {
      each = castTo(session, each, target);
      continue;
    }
    if (!session.casts) session.casts = std::make_shared<CastCache>();
    each = session.casts->cast(session, each, target);
  }
  return inputs;
}

Tensor CastCache::cast(Session& session, const Tensor& parameter, DType dtype) {
  Entry& entry = entries_[parameter.impl().get()];
  const Tensor& found = entry.cast;
  // What a finished backward pass went through can't be gone through again, and what was cast without gradients has none.
  const bool holds = found && entry.parameter.lock() == parameter.impl() && entry.version == parameter->storage->version && found.dtype() == dtype &&
                     found.requiresGrad() == session.gradEnabled && !(found->node && found->node->released);
  if (!holds) entry = {parameter.impl(), parameter->storage->version, castTo(session, parameter, dtype)};
  return entry.cast;
}

}  // namespace cnn

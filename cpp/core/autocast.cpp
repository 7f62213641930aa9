// The casts of autocast. Which op computes in which type is said by the op.
#include "autocast.hpp"

#include <algorithm>

#include "apply.hpp"
#include "ops/properties.hpp"
#include "node.hpp"

namespace cnn {

namespace {

bool isCast(const Tensor& tensor, DType dtype) {
  return tensor && accumulationType(tensor.dtype()) == DType::float32 && tensor.dtype() != dtype;
}

Tensor castTo(Session& session, const Tensor& tensor, DType dtype) {
  return apply(session, Cast{.dtype = dtype}, {&tensor, 1})[0];
}

}  // namespace

Tensors autocast(Session& session, const Op& op, Tensors inputs) {
  auto has = [&](DType dtype) {
    return std::any_of(inputs.begin(), inputs.end(),
                       [dtype](const Tensor& each) { return each && each.dtype() == dtype; });
  };
  DType target = DType::float32;
  switch (precisionOf(op)) {
    case Precision::given: return inputs;
    case Precision::half: target = *session.autocast; break;
    case Precision::single:
    case Precision::byFunction: break;  // precisionOf has asked the function
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
  // What a finished backward pass went through can't be gone through again, and what was cast without gradients has
  // none.
  const bool holds = found && entry.parameter.lock() == parameter.impl() &&
                     entry.version == parameter->storage->version && found.dtype() == dtype &&
                     found.requiresGrad() == session.gradEnabled && !(found->node && found->node->released);
  if (!holds) entry = {parameter.impl(), parameter->storage->version, castTo(session, parameter, dtype)};
  return entry.cast;
}

}  // namespace cnn

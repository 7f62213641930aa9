// The gradient of dropout is dropout with the same random numbers.
#include "helpers.hpp"

namespace cnn {

Tensors vjp(const Dropout& op, const VjpContext& c, Grads dy) { return {c.emit(op, {dy[0]})}; }

}  // namespace cnn

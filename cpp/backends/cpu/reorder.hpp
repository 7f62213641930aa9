// Conversion between layouts.
#pragma once

#include "core/backend.hpp"
#include "engine.hpp"

namespace cnn::cpu {

KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to, Engine& engine);

}  // namespace cnn::cpu

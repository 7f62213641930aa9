// A sequence of kernel runs as one CUDA graph: recorded once from the engine's stream, then launched with a single
// call.
#pragma once

#include "engine.hpp"

namespace cnn::cuda {

/// Records what `enqueueAll` puts on the engine's stream. Throws what it throws; the stream is then as it was.
std::unique_ptr<Captured> capture(Engine& engine, const std::function<void()>& enqueueAll);

}  // namespace cnn::cuda

// The one door: every op, whoever asks for it, goes through `apply`: infer the shapes, enqueue the kernel, write the
// tape.
#pragma once

#include "session.hpp"
#include "tensor.hpp"

namespace cnn {

/// Enqueues `op` and returns its outputs at once. Throws the user's errors (shapes, types, devices, memory).
/// `device` is needed only by ops without inputs.
Tensors apply(Session& session, const Op& op, std::span<const Tensor> inputs, const DevicePtr& device = nullptr);

/// The same values in another layout, outside the gradient graph; the tensor itself where it has that layout.
Tensor withLayout(Session& session, const Tensor& tensor, Layout layout);

/// Copies `bytes` of plain host data into a new tensor (in queue order; the host memory may go at once).
Tensor fromHost(Session& session, const DevicePtr& device, const TensorDesc& desc, const void* data);

/// Copies the plain content of `tensor` to `data` once it is computed, and calls `done` on the queue's thread: with the
/// failure that it depends on, or with null.
void readHost(Session& session, const Tensor& tensor, void* data, std::function<void(const FailurePtr&)> done);
/// Waits for that. Blocks the caller. Throws the failure's error.
void readHostSync(Session& session, const Tensor& tensor, void* data);

/// Calls `done` on the queue's thread when all that is queued now is done: with the session's first failure of which
/// nobody was told yet, or with null.
void finish(Session& session, Device& device, std::function<void(const FailurePtr&)> done);
/// Waits for that. Blocks the caller. Throws the failure's error.
void finishSync(Session& session, Device& device);

/// The same values on another device (through the host).
Tensor toDevice(Session& session, const Tensor& tensor, const DevicePtr& device);

}  // namespace cnn

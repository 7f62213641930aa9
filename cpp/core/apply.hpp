// The one door: every op, whoever asks for it, goes through `apply`: infer the shapes, enqueue the kernel, write the tape.
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

/// Calls `done(data, error)` on the queue's thread once `tensor` is computed: `data` is its plain content, valid during the call;
/// `error` is the session's first failure since it last read, if there was one.
void readHost(Session& session, const Tensor& tensor, std::function<void(const void* data, const Error* error)> done);
/// Waits for the tensor and copies its plain content. Blocks the caller.
void readHostSync(Session& session, const Tensor& tensor, void* data);

/// The same values on another device (through the host).
Tensor toDevice(Session& session, const Tensor& tensor, const DevicePtr& device);

}  // namespace cnn

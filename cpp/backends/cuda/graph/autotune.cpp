// Timing of plans with events on a stream of their own.
#include "autotune.hpp"

#include <limits>

#include "base/error.hpp"

namespace cnn::cuda::graph {

namespace {

void must(cudaError_t status, const char* call) {
  if (status != cudaSuccess) fail(ErrorKind::backend, call, ": ", cudaGetErrorString(status));
}

struct FreeMemory {
  void operator()(void* memory) const { cudaFree(memory); }
};
struct DestroyStream {
  void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};
struct DestroyEvent {
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
using Memory = std::unique_ptr<void, FreeMemory>;
using Stream = std::unique_ptr<CUstream_st, DestroyStream>;
using Event = std::unique_ptr<CUevent_st, DestroyEvent>;

Memory zeros(std::size_t bytes, cudaStream_t stream) {
  void* memory = nullptr;
  must(cudaMalloc(&memory, bytes), "cudaMalloc");
  Memory owned(memory);
  must(cudaMemsetAsync(memory, 0, bytes, stream), "cudaMemsetAsync");
  return owned;
}

Stream makeStream() {
  cudaStream_t stream = nullptr;
  must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return Stream(stream);
}

Event makeEvent() {
  cudaEvent_t event = nullptr;
  must(cudaEventCreate(&event), "cudaEventCreate");
  return Event(event);
}

// The handle works on another stream for a while.
class OnStream {
 public:
  OnStream(cudnnHandle_t handle, cudaStream_t stream) : handle_(handle) {
    accept(cudnnGetStream(handle, &before_));
    accept(cudnnSetStream(handle, stream));
  }
  ~OnStream() { cudnnSetStream(handle_, before_); }

 private:
  cudnnHandle_t handle_;
  cudaStream_t before_ = nullptr;
};

}  // namespace

std::shared_ptr<const Plan> fastest(const std::vector<std::shared_ptr<const Plan>>& plans, const Graph& graph,
                                    const Target& target) {
  constexpr int repeats = 5;
  Stream stream = makeStream();
  OnStream scope(target.handle, stream.get());
  Event begin = makeEvent(), end = makeEvent();
  float scalar = 0.5f;  // stands for every scalar: an epsilon, a share
  std::vector<Memory> owned;
  std::vector<void*> pointers;
  std::shared_ptr<const Plan> best = plans.front();
  float least = std::numeric_limits<float>::infinity();
  try {
    for (std::size_t bytes : graph.bytes()) {
      pointers.push_back(bytes == 0 ? &scalar : owned.emplace_back(zeros(bytes, stream.get())).get());
    }
  } catch (const Error&) {
    cudaGetLastError();  // clears it
    return best;
  }
  for (const auto& plan : plans) {
    try {
      Memory workspace = plan->workspaceBytes() ? zeros(plan->workspaceBytes(), stream.get()) : Memory();
      plan->run(target.handle, pointers, workspace.get());  // loads the code
      for (int i = 0; i < repeats; i++) {
        must(cudaEventRecord(begin.get(), stream.get()), "cudaEventRecord");
        plan->run(target.handle, pointers, workspace.get());
        must(cudaEventRecord(end.get(), stream.get()), "cudaEventRecord");
        must(cudaEventSynchronize(end.get()), "cudaEventSynchronize");
        float milliseconds = 0;
        must(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "cudaEventElapsedTime");
        if (milliseconds < least) least = milliseconds, best = plan;
      }
    } catch (const Error&) { cudaGetLastError(); }
  }
  return best;
}

}  // namespace cnn::cuda::graph

// Stream capture, and the graph that comes of it.
#include "capture.hpp"

#include "check.hpp"

namespace cnn::cuda {

namespace {

class CapturedGraph final : public Captured {
 public:
  CapturedGraph(Engine& engine, OwnedGraphExec graph) : engine_(engine), graph_(std::move(graph)) {}
  ~CapturedGraph() override {
    std::lock_guard lock(engine_.capturing);  // a queue that has stopped drops it in any thread
    cudaSetDevice(engine_.ordinal);
    cudaStreamSynchronize(engine_.stream);  // it may still be running
  }
  void replay() override { CHECK(cudaGraphLaunch(graph_.get(), engine_.stream)); }

 private:
  Engine& engine_;
  OwnedGraphExec graph_;
};

// Ends the recording however it went.
class Recording {
 public:
  explicit Recording(cudaStream_t stream) : stream_(stream) {
    // other threads may allocate meanwhile
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  ~Recording() {
    if (!stream_) return;
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(stream_, &graph);
    cudaGetLastError();
    OwnedGraph dropped(graph);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  OwnedGraph end() {
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph));
    return OwnedGraph(graph);
  }

 private:
  cudaStream_t stream_;
};

OwnedGraph record(Engine& engine, const std::function<void()>& enqueueAll) {
  std::lock_guard lock(engine.capturing);
  Recording recording(engine.stream);
  enqueueAll();
  return recording.end();
}

}  // namespace

std::unique_ptr<Captured> capture(Engine& engine, const std::function<void()>& enqueueAll) {
  OwnedGraph graph = record(engine, enqueueAll);
  cudaGraphExec_t exec = nullptr;
  CHECK(cudaGraphInstantiate(&exec, graph.get(), 0));
  OwnedGraphExec owned(exec);
  CHECK(cudaGraphUpload(exec, engine.stream));
  return std::make_unique<CapturedGraph>(engine, std::move(owned));
}

}  // namespace cnn::cuda

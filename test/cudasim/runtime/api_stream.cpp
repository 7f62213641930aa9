// cudart: streams, events, graphs.
#include <cuda_runtime_api.h>

#include "api.hpp"
#include "stream.hpp"

using namespace cudasim;

struct CUevent_st {
  Event event;
};
struct CUgraph_st {
  std::shared_ptr<Graph> graph;
};
struct CUgraphExec_st {
  std::shared_ptr<Graph> graph;
};

namespace {

Event& eventOf(cudaEvent_t event) {
  if (!isAlive("event", event)) refuse(cudaErrorInvalidResourceHandle, "event ", event, " does not exist");
  return event->event;
}
CUgraph_st& graphOf(cudaGraph_t graph) {
  if (!isAlive("graph", graph)) refuse(cudaErrorInvalidValue, "graph ", graph, " does not exist");
  return *graph;
}
CUgraphExec_st& execOf(cudaGraphExec_t exec) {
  if (!isAlive("graph exec", exec)) refuse(cudaErrorInvalidValue, "executable graph ", exec, " does not exist");
  return *exec;
}

void makeStream(cudaStream_t* stream, unsigned flags) {
  requireOut(stream);
  if (flags > cudaStreamNonBlocking) refuse(cudaErrorInvalidValue, "the flags ", flags, " do not exist");
  *stream = createStream(currentDevice(), flags != cudaStreamNonBlocking);
}

void makeEvent(cudaEvent_t* event, unsigned flags) {
  requireOut(event);
  *event = new CUevent_st;
  (*event)->event.isTimed = !(flags & cudaEventDisableTiming);
  born("event", *event, text("of device ", currentDevice()));
}

// Asking is no waiting: each question lets one more piece of work run, so that who keeps asking gets an answer.
bool isReached(Stream& stream, std::uint64_t order) {
  if (stream.executed >= order) return true;
  runUpTo(stream, stream.executed + 1);
  return false;
}

void instantiate(cudaGraphExec_t* exec, cudaGraph_t graph) {
  requireOut(exec);
  auto made = new CUgraphExec_st{std::make_shared<Graph>(*graphOf(graph).graph)};
  born("graph exec", made, text(made->graph->nodes.size(), " nodes"));
  *exec = made;
}

}  // namespace

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return api("cudaStreamCreate", CallKind::call, [&] { makeStream(stream, 0); });
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
  return api("cudaStreamCreateWithFlags", CallKind::call, [&] { makeStream(stream, flags); });
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int) {
  return api("cudaStreamCreateWithPriority", CallKind::call, [&] { makeStream(stream, flags); });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api("cudaStreamDestroy", CallKind::never, [&] { destroyStream(stream); });
}
cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return api("cudaStreamSynchronize", CallKind::call, [&] {
    StreamPtr stream = streamOf(handle);
    forbidOn(stream, "cudaStreamSynchronize");
    synchronize(stream);
  });
}
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return api("cudaStreamQuery", CallKind::call, [&] {
    StreamPtr stream = streamOf(handle);
    forbidOn(stream, "cudaStreamQuery");
    if (!isReached(*stream, stream->enqueued)) decline(cudaErrorNotReady, "");
    hostLearns(stream->known);
  });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  return api("cudaStreamWaitEvent", CallKind::call, [&] { waitFor(streamOf(stream), eventOf(event)); });
}
cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  return api("cudaStreamGetDevice", CallKind::call, [&] { *device = streamOf(stream)->device; });
}
cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned int* flags) {
  return api("cudaStreamGetFlags", CallKind::call,
             [&] { *flags = streamOf(stream)->isBlocking ? cudaStreamDefault : cudaStreamNonBlocking; });
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return api("cudaLaunchHostFunc", CallKind::launch, [&] {
    Work work;
    work.what = "a host function";
    work.run = [=] { function(data); };
    enqueue(streamOf(stream), std::move(work));
  });
}

// ---- events

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return api("cudaEventCreate", CallKind::call, [&] { makeEvent(event, 0); });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  return api("cudaEventCreateWithFlags", CallKind::call, [&] { makeEvent(event, flags); });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api("cudaEventDestroy", CallKind::never, [&] {
    eventOf(event);
    died("event", event);
    delete event;
  });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return api("cudaEventRecord", CallKind::call, [&] { record(eventOf(event), streamOf(stream)); });
}
cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return api("cudaEventSynchronize", CallKind::call, [&] {
    Event& event = eventOf(handle);
    if (event.capture) refuse(cudaErrorCapturedEvent, "the event was recorded in a capture");
    if (!event.stream) return;
    runUpTo(*event.stream, event.order);
    hostLearns(event.clock);
  });
}
cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return api("cudaEventQuery", CallKind::call, [&] {
    Event& event = eventOf(handle);
    if (event.capture) refuse(cudaErrorCapturedEvent, "the event was recorded in a capture");
    if (!event.stream) return;
    if (!isReached(*event.stream, event.order)) decline(cudaErrorNotReady, "");
    hostLearns(event.clock);
  });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  return api("cudaEventElapsedTime", CallKind::call, [&] {
    requireOut(milliseconds);
    Event &first = eventOf(from), &second = eventOf(to);
    if (!first.isTimed || !second.isTimed) refuse(cudaErrorInvalidResourceHandle, "an event was made without timing");
    if (!first.stream || !second.stream) refuse(cudaErrorInvalidResourceHandle, "an event was not recorded");
    if (first.stream->executed < first.order || second.stream->executed < second.order) decline(cudaErrorNotReady, "");
    *milliseconds = static_cast<float>(*second.time - *first.time);
  });
}

// ---- graphs

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
  return api("cudaStreamBeginCapture", CallKind::call, [&] { beginCapture(streamOf(stream), mode); });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return api("cudaStreamEndCapture", CallKind::call, [&] {
    requireOut(graph);
    *graph = nullptr;
    auto made = new CUgraph_st{endCapture(streamOf(stream))};
    born("graph", made, text(made->graph->nodes.size(), " nodes"));
    *graph = made;
  });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t handle, enum cudaStreamCaptureStatus* status) {
  return api("cudaStreamIsCapturing", CallKind::call, [&] {
    requireOut(status);
    auto capture = streamOf(handle)->capture;
    *status = !capture                  ? cudaStreamCaptureStatusNone
              : capture->broken.empty() ? cudaStreamCaptureStatusActive
                                        : cudaStreamCaptureStatusInvalidated;
  });
}
cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode* mode) {
  return api("cudaThreadExchangeStreamCaptureMode", CallKind::call, [&] {
    requireOut(mode);
    *mode = exchangeCaptureMode(*mode);
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return api("cudaGraphInstantiate", CallKind::call, [&] { instantiate(exec, graph); });
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return api("cudaGraphInstantiateWithFlags", CallKind::call, [&] { instantiate(exec, graph); });
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo* result) {
  return api("cudaGraphExecUpdate", CallKind::call, [&] {
    auto &from = *graphOf(graph).graph, &to = *execOf(exec).graph;
    bool isSame = from.nodes.size() == to.nodes.size();
    for (std::size_t i = 0; isSame && i < from.nodes.size(); i++) isSame = from.nodes[i].what == to.nodes[i].what;
    if (result)
      *result = {isSame ? cudaGraphExecUpdateSuccess : cudaGraphExecUpdateErrorTopologyChanged, nullptr, nullptr};
    if (!isSame) decline(cudaErrorGraphExecUpdateFailure, "the graphs differ");
    to = from;
  });
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  return api("cudaGraphUpload", CallKind::call, [&] {
    execOf(exec);
    streamOf(stream);
  });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return api("cudaGraphLaunch", CallKind::launch, [&] { launch(execOf(exec).graph, streamOf(stream)); });
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  return api("cudaGraphGetNodes", CallKind::call, [&] {
    requireOut(count);
    *count = graphOf(graph).graph->nodes.size();
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api("cudaGraphDestroy", CallKind::never, [&] {
    graphOf(graph);
    died("graph", graph);
    delete graph;
  });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return api("cudaGraphExecDestroy", CallKind::never, [&] {
    execOf(exec);
    died("graph exec", exec);
    delete exec;
  });
}

}  // extern "C"

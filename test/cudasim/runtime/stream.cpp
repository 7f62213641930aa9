// Streams: queues of work, run as late as the rules allow, so that a missing synchronisation shows.
#include "stream.hpp"

#include <chrono>
#include <utility>

#include "device.hpp"
#include "memory.hpp"
#include "traffic.hpp"
#include "trap.hpp"

namespace cudasim {

namespace {

struct Streams {
  std::map<cudaStream_t, StreamPtr> byHandle;
  std::map<int, StreamPtr> defaults;  // by device
  std::uint64_t lastId = 0, graphLaunches = 0;
  Clock hostKnows;
};

Streams& streams() {
  static Streams& instance = *new Streams;
  return instance;
}

std::vector<std::weak_ptr<Capture>>& captures() {
  static auto& all = *new std::vector<std::weak_ptr<Capture>>;
  return all;
}

thread_local cudaStreamCaptureMode threadMode = cudaStreamCaptureModeGlobal;

void merge(Clock& into, const Clock& from) {
  for (auto [stream, order] : from) into[stream] = std::max(into[stream], order);
}

StreamPtr makeStream(int device, bool isBlocking) {
  auto stream = std::make_shared<Stream>();
  stream->id = ++streams().lastId;
  stream->device = device;
  stream->isBlocking = isBlocking;
  return stream;
}

StreamPtr defaultStream(int device) {
  StreamPtr& stream = streams().defaults[device];
  if (!stream) stream = makeStream(device, true);
  return stream;
}

bool isDefault(const StreamPtr& stream) { return streams().defaults[stream->device] == stream; }

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void fail(int device, cudaError_t error, const std::string& sentence) {
  violation(sentence);
  setStickyError(device, error);
}

void execute(int device, Work& work) {
  if (stickyError(device) == cudaSuccess && work.run) {
    if (int status = injected(CallKind::execute, 0, 0, cudaErrorIllegalAddress)) {
      setStickyError(device, static_cast<cudaError_t>(status));
    } else {
      bool isWhole = true;
      for (const Use& use : work.uses) {
        Block* block = blockAt(use.address);
        if (!block || !block->isGone) continue;
        fail(device, cudaErrorIllegalAddress, text(use.what, " runs on memory that is freed already: ", block->origin));
        isWhole = false;
      }
      std::string sentence;
      if (countsTraffic()) beginTraffic();
      try {
        if (isWhole && !runTrapped(work.run, sentence))
          fail(device, cudaErrorIllegalAddress, text(work.what, " ", sentence));
      } catch (const Refusal& refusal) {
        fail(device, static_cast<cudaError_t>(refusal.status), text(work.what, ": ", refusal.sentence));
      }
      if (countsTraffic()) {
        std::size_t bytes = 0;
        for (const Use& use : work.uses) bytes += use.bytes;
        endTraffic(work.what, bytes, work.graph);
      }
    }
  }
  if (work.onDone) work.onDone();
}

// A place in the queue that runs another stream up to a point.
Work waiting(const StreamPtr& other, std::uint64_t order) {
  Work work;
  work.what = "a wait";
  work.onDone = [other, order] { runUpTo(*other, order); };
  return work;
}

void push(Stream& stream, Work work) {
  stream.queue.push_back(std::move(work));
  stream.enqueued++;
  stream.known[stream.id] = stream.enqueued;
}

// The default stream and the blocking streams wait for each other.
void orderByDefault(const StreamPtr& stream) {
  auto after = [&](const StreamPtr& other) {
    if (other == stream || other->executed == other->enqueued) return;
    merge(stream->known, other->known);
    push(*stream, waiting(other, other->enqueued));
  };
  if (isDefault(stream)) {
    for (const StreamPtr& each : streamsOf(stream->device)) {
      if (!each->isBlocking) continue;
      if (each->capture)
        refuse(cudaErrorStreamCaptureImplicit, "the default stream is used while a blocking stream captures");
      after(each);
    }
  } else if (stream->isBlocking) {
    after(defaultStream(stream->device));
  }
}

void checkUses(const Stream& stream, const Work& work) {
  for (const Use& use : work.uses) {
    Block& block = requireLive(use.address, use.bytes, use.what, cudaErrorInvalidValue);
    if (block.space == Space::device && block.device != stream.device) {
      refuse(cudaErrorInvalidValue, use.what, " lies on device ", block.device, ", the stream is of device ",
             stream.device);
    }
    auto known = stream.known.find(block.stream);
    auto host = streams().hostKnows.find(block.stream);
    bool isOrdered = !block.isAsync || block.stream == stream.id ||
                     (known != stream.known.end() && known->second >= block.order) ||
                     (host != streams().hostKnows.end() && host->second >= block.order);
    if (!isOrdered)
      refuse(cudaErrorInvalidValue, use.what,
             " is used on a stream that does not wait for its allocation: ", block.origin);
  }
}

}  // namespace

StreamPtr streamOf(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return defaultStream(currentDevice());
  auto found = streams().byHandle.find(handle);
  if (found == streams().byHandle.end()) refuse(cudaErrorInvalidResourceHandle, "stream ", handle, " does not exist");
  return found->second;
}

cudaStream_t createStream(int device, bool isBlocking) {
  StreamPtr stream = makeStream(device, isBlocking);
  auto handle = reinterpret_cast<cudaStream_t>(stream.get());
  streams().byHandle[handle] = stream;
  born("stream", handle, text("of device ", device));
  return handle;
}

void destroyStream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy)
    refuse(cudaErrorInvalidResourceHandle, "the default stream can't be destroyed");
  StreamPtr stream = streamOf(handle);
  if (stream->capture) violation("cudaStreamDestroy: the stream still captures");
  runUpTo(*stream, stream->enqueued);
  streams().byHandle.erase(handle);
  died("stream", handle);
}

std::vector<StreamPtr> streamsOf(int device) {
  std::vector<StreamPtr> found;
  for (auto& [handle, stream] : streams().byHandle) {
    if (stream->device == device) found.push_back(stream);
  }
  return found;
}

void enqueue(const StreamPtr& stream, Work work) {
  if (stream->capture) {
    checkUses(*stream, work);
    Capture& capture = *stream->capture;
    if (!capture.broken.empty())
      refuse(cudaErrorStreamCaptureInvalidated, work.what, " in a broken capture: ", capture.broken);
    capture.graph->nodes.push_back(std::move(work));
    if (capture.forks.contains(stream.get())) capture.forks[stream.get()] = false;
    return;
  }
  orderByDefault(stream);
  checkUses(*stream, work);
  if (work.onEnqueue) work.onEnqueue();
  push(*stream, std::move(work));
}

void runUpTo(Stream& stream, std::uint64_t order) {
  while (stream.executed < order) {
    Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    stream.executed++;
    execute(stream.device, work);
  }
}

void hostLearns(const Clock& clock) { merge(streams().hostKnows, clock); }

void synchronize(const StreamPtr& stream) {
  if (isDefault(stream)) orderByDefault(stream);
  if (countsTraffic()) noteWait();
  runUpTo(*stream, stream->enqueued);
  hostLearns(stream->known);
}

void synchronizeDevice(int device) {
  synchronize(defaultStream(device));
  for (const StreamPtr& stream : streamsOf(device)) synchronize(stream);
}

// ---- events

void record(Event& event, const StreamPtr& stream) {
  event.stream = stream;
  event.capture = stream->capture;
  if (stream->capture) return;
  Work work;
  work.what = "an event";
  work.onDone = [time = event.time] { *time = now(); };
  enqueue(stream, std::move(work));
  event.order = stream->enqueued;
  event.clock = stream->known;
}

void waitFor(const StreamPtr& stream, const Event& event) {
  if (!event.stream) return;
  if (event.capture) {
    if (stream->capture == event.capture) {
      auto fork = event.capture->forks.find(event.stream.get());
      if (fork != event.capture->forks.end()) fork->second = true;
      return;
    }
    if (stream->capture)
      refuse(cudaErrorStreamCaptureMerge, "cudaStreamWaitEvent: the event belongs to another capture");
    if (event.capture->graph == nullptr)
      refuse(cudaErrorCapturedEvent, "cudaStreamWaitEvent: the event was recorded in a capture that has ended");
    stream->capture = event.capture;
    event.capture->forks[stream.get()] = false;
    return;
  }
  if (stream->capture) {
    if (event.stream->executed >= event.order) return;
    stream->capture->broken = "it waits for work outside";
    refuse(cudaErrorStreamCaptureIsolation,
           "cudaStreamWaitEvent: a capture waits for an event that was recorded outside of it");
  }
  merge(stream->known, event.clock);
  if (event.stream->executed < event.order) push(*stream, waiting(event.stream, event.order));
}

// ---- capture

void beginCapture(const StreamPtr& stream, cudaStreamCaptureMode mode) {
  if (isDefault(stream))
    refuse(cudaErrorStreamCaptureUnsupported, "cudaStreamBeginCapture: the default stream can't capture");
  if (stream->capture) refuse(cudaErrorIllegalState, "cudaStreamBeginCapture: the stream captures already");
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream.get();
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  std::erase_if(captures(), [](auto& each) { return each.expired(); });
  captures().push_back(stream->capture);
}

std::shared_ptr<Graph> endCapture(const StreamPtr& stream) {
  std::shared_ptr<Capture> capture = stream->capture;
  if (!capture) refuse(cudaErrorIllegalState, "cudaStreamEndCapture: the stream does not capture");
  if (capture->origin != stream.get())
    refuse(cudaErrorStreamCaptureUnmatched, "cudaStreamEndCapture: the capture began on another stream");
  if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != std::this_thread::get_id()) {
    refuse(cudaErrorStreamCaptureWrongThread, "cudaStreamEndCapture: the capture began on another thread");
  }
  auto graph = std::move(capture->graph);
  bool isJoined = true;
  stream->capture = nullptr;
  for (auto [fork, joined] : capture->forks) {
    isJoined = isJoined && joined;
    fork->capture = nullptr;
  }
  if (!capture->broken.empty()) decline(cudaErrorStreamCaptureInvalidated, capture->broken);
  if (!isJoined)
    refuse(cudaErrorStreamCaptureUnjoined, "cudaStreamEndCapture: a stream that took part was not waited for");
  return graph;
}

void forbidOn(const StreamPtr& stream, const char* call) {
  if (!stream->capture) return;
  stream->capture->broken = text(call, " was called on its stream");
  refuse(cudaErrorStreamCaptureUnsupported, call, " on a stream that captures");
}

void forbidOnDevice(int device, const char* call) {
  for (const StreamPtr& stream : streamsOf(device)) {
    if (!stream->capture) continue;
    stream->capture->broken = text(call, " waited for the whole device");
    refuse(cudaErrorStreamCaptureUnsupported, call, " waits for the whole device while one of its streams captures");
  }
}

void forbidInCapture(const StreamPtr& stream, const std::string& what) {
  if (!stream->capture) return;
  stream->capture->broken = what;
  refuse(cudaErrorStreamCaptureUnsupported, what, " in a capture: its code would be loaded then");
}

void forbidWhileCapturing(const char* call) {
  if (threadMode == cudaStreamCaptureModeRelaxed) return;
  for (auto& each : captures()) {
    auto capture = each.lock();
    if (!capture || !capture->graph || capture->mode == cudaStreamCaptureModeRelaxed) continue;
    bool isMine = capture->thread == std::this_thread::get_id();
    if (!isMine &&
        (capture->mode == cudaStreamCaptureModeThreadLocal || threadMode == cudaStreamCaptureModeThreadLocal))
      continue;
    capture->broken = text(call, " was called meanwhile");
    refuse(cudaErrorStreamCaptureUnsupported, call, " while a stream captures");
  }
}

cudaStreamCaptureMode exchangeCaptureMode(cudaStreamCaptureMode mode) { return std::exchange(threadMode, mode); }

void launch(const std::shared_ptr<Graph>& graph, const StreamPtr& stream) {
  std::uint64_t number = ++streams().graphLaunches;
  for (Work node : graph->nodes) {
    node.graph = number;
    enqueue(stream, std::move(node));
  }
}

}  // namespace cudasim

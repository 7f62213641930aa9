// Streams, events and captured graphs: work waits in its stream until somebody synchronises, and only then runs, in
// order.
#pragma once

#include <driver_types.h>

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "ledger.hpp"

namespace cudasim {

/// Memory that work reads or writes: it must be live when the work is enqueued, and still there when it runs.
struct Use {
  const void* address = nullptr;
  std::size_t bytes = 0;
  std::string what;  // "cudnnBackendExecute: the tensor 3"
};

struct Work {
  std::string what;
  std::vector<Use> uses;
  std::function<void()> run;        // on shadow addresses
  std::function<void()> onEnqueue;  // at once, at each replay of a graph too
  std::function<void()> onDone;     // after the run, and also where an error forbids to run
  std::uint64_t graph = 0;          // the number of the launch of a graph that it comes from; 0: of none
};

/// How far each stream is known to have come: stream → number of its last work.
using Clock = std::map<std::uint64_t, std::uint64_t>;

struct Stream;

struct Graph {
  std::vector<Work> nodes;
};

struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Stream* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
  std::string broken;             // why it is invalid, or ""
  std::map<Stream*, bool> forks;  // other streams that take part → whether the origin waits for them
};

struct Stream {
  std::uint64_t id = 0;
  int device = 0;
  bool isBlocking = true;  // waits for the default stream, and is waited for
  std::uint64_t enqueued = 0, executed = 0;
  std::deque<Work> queue;
  Clock known;
  std::shared_ptr<Capture> capture;
};
using StreamPtr = std::shared_ptr<Stream>;

/// The stream behind a handle; refuses one that was destroyed.
StreamPtr streamOf(cudaStream_t handle);
cudaStream_t createStream(int device, bool isBlocking);
void destroyStream(cudaStream_t handle);
std::vector<StreamPtr> streamsOf(int device);

/// Checks what the work uses, then puts it into the stream, or into the graph that the stream records.
void enqueue(const StreamPtr& stream, Work work);
/// Runs the stream's work up to that number.
void runUpTo(Stream& stream, std::uint64_t order);
/// As cudaStreamSynchronize: runs all, and the host knows it.
void synchronize(const StreamPtr& stream);
void synchronizeDevice(int device);

struct Event {
  StreamPtr stream;  // null: never recorded
  std::uint64_t order = 0;
  Clock clock;
  std::shared_ptr<Capture> capture;
  std::shared_ptr<double> time = std::make_shared<double>(0);  // ms, when the work before it was done
  bool isTimed = true;
};

void record(Event& event, const StreamPtr& stream);
void waitFor(const StreamPtr& stream, const Event& event);
void hostLearns(const Clock& clock);

void beginCapture(const StreamPtr& stream, cudaStreamCaptureMode mode);
std::shared_ptr<Graph> endCapture(const StreamPtr& stream);
/// Refuses a call that a capture forbids, and breaks that capture.
void forbidWhileCapturing(const char* call);
void forbidOn(const StreamPtr& stream, const char* call);
/// Of calls that wait for all of a device's work: no stream of it may capture, in whatever mode and thread.
void forbidOnDevice(int device, const char* call);
/// Refuses what runs for the first time while its stream captures, and breaks that capture: its code would be loaded
/// then.
void forbidInCapture(const StreamPtr& stream, const std::string& what);
cudaStreamCaptureMode exchangeCaptureMode(cudaStreamCaptureMode mode);
void launch(const std::shared_ptr<Graph>& graph, const StreamPtr& stream);

}  // namespace cudasim

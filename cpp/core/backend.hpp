// What a backend is: it prepares kernels and owns raw memory. The core knows backends only through this page.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "ops/op.hpp"

namespace cnn {

/// What a kernel gets when it runs. Absent optional inputs are null. Pointers are valid for the whole run and hold
/// exactly the layouts that the kernel asked for. `op` carries the dynamic parameters of this very call.
struct Run {
  const Op& op;
  std::span<void* const> inputs;
  std::span<void* const> outputs;
  void* workspace = nullptr;

  template <class T>
  const T* in(int i) const {
    return static_cast<const T*>(inputs[static_cast<std::size_t>(i)]);
  }
  /// An input that the op overwrites.
  template <class T>
  T* inOut(int i) const {
    return static_cast<T*>(inputs[static_cast<std::size_t>(i)]);
  }
  template <class T>
  T* out(int i) const {
    return static_cast<T*>(outputs[static_cast<std::size_t>(i)]);
  }
};

/// A prepared op: every decision is taken. `run` may be called many times, in queue order; it never allocates and
/// never waits for the queue. It throws Error for what only the data shows (a target outside the classes), before it
/// overwrites an input.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;
  virtual void run(const Run&) const = 0;

  /// The layouts that `run` reads, one an input; empty: all plain. The door converts what comes otherwise.
  std::vector<Layout> inputLayouts;
  /// What `run` writes: the inferred descs, with the layouts this kernel chose.
  Descs outputs;
  std::size_t workspaceBytes = 0;
  /// Outputs that `run` does without where nobody wants them: it then finds null.
  std::vector<int> optionalOutputs;
  /// Of a kernel that does no more than to copy each input to a run of bytes of output 0: where those begin. A plan
  /// lets the inputs be made there.
  std::vector<std::size_t> pieces;
  /// Inputs whose memory output 0 may have: `run` reads every element before it writes what lies at its place. Best
  /// first.
  std::vector<int> inPlace;
  /// Where set, time would tell whether there is a faster one: after this ran on the queue's thread, `prepare` knows.
  std::function<void()> tune;
};

using KernelPtr = std::shared_ptr<const Kernel>;

/// A kernel made of a function.
template <class F>
class FunctionKernel final : public Kernel {
 public:
  explicit FunctionKernel(F function) : function_(std::move(function)) {}
  void run(const Run& run) const override { function_(run); }

 private:
  F function_;
};

/// How much a kernel may round: about 1e-7 relative to the largest terms, or about 1e-5, which allows of faster
/// algorithms that compute with transformed values. Candidates are then timed.
enum class Tolerance : std::uint8_t { tight, loose };

/// What is known of an op within a program.
struct Setting {
  Tolerance tolerance = Tolerance::tight;
  std::uint64_t stable = 0;     // bit i: input i is the same at each run, so it is worth any conversion
  bool singleThreaded = false;  // one thread does the whole program in about a twentieth of a millisecond: sharing it
                                // would cost more than it saves
  bool weightsExceedCache = false;  // no cache holds all that is stable, from one run to the next
};

/// All that `prepare` may look at: the descs of the inputs as they lie in memory now, and the inferred outputs.
struct Signature {
  std::span<const TensorDesc> inputs;
  const Descs& outputs;
  Setting setting = {};
  bool isStable(std::size_t i) const { return (setting.stable >> i & 1) != 0; }
};

/// A kernel that reads plain inputs and writes plain outputs.
template <class F>
std::shared_ptr<Kernel> makeKernel(const Signature& signature, F function, std::size_t workspaceBytes = 0) {
  auto kernel = std::make_shared<FunctionKernel<F>>(std::move(function));
  kernel->outputs = signature.outputs;
  kernel->workspaceBytes = workspaceBytes;
  return kernel;
}

/// The kernel, whose output 0 may lie where one of these inputs lies (see Kernel::inPlace).
inline std::shared_ptr<Kernel> inPlaceOf(std::vector<int> inputs, std::shared_ptr<Kernel> kernel) {
  kernel->inPlace = std::move(inputs);
  return kernel;
}

/// The answer of `prepare`: a kernel, or why there is none.
struct Prepared {
  KernelPtr kernel;
  std::string declined;
  bool isFallback = false;  // the kernel is of the backend that this one falls back to
};

/// Options of how a device computes, which a backend defines itself.
struct BackendOptions {
  BackendOptions() = default;
  BackendOptions(const BackendOptions&) = default;
  BackendOptions& operator=(const BackendOptions&) = default;
  virtual ~BackendOptions() = default;
};

/// A recorded sequence of runs that the device repeats by itself, on the same memory.
class Captured {
 public:
  Captured() = default;
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  virtual ~Captured() = default;
  /// Enqueues it once more. On the queue's thread, as `Kernel::run`.
  virtual void replay() = 0;
};

/// Memory that other processes take from, too, in bytes.
struct SharedMemory {
  std::size_t available = 0, total = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  /// One line for people: library and version.
  virtual std::string description() const = 0;

  virtual Prepared prepare(const Op& op, const Signature& signature) = 0;
  /// Whether the op, a fused one, has a kernel that is better than its parts.
  virtual bool fuses(const Op& /*op*/) const { return false; }
  /// A kernel of one input and one output that converts between two layouts of the same shape and type.
  virtual KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to) = 0;
  /// Bytes that a tensor takes in its layout (blocked layouts are padded).
  virtual std::size_t bytes(const TensorDesc& desc) const { return desc.plainBytes(); }

  /// The layout of `batch` samples of which each lies as those of `part`, one behind the other; nothing where the
  /// samples of `part` do not.
  virtual std::optional<Layout> layoutOfBatch(const TensorDesc& part, Index /*batch*/) {
    return part.layout.isPlain() ? std::optional(part.layout) : std::nullopt;
  }
  /// Bytes that a cache keeps from one kernel to the next; 0: unknown.
  virtual std::size_t cacheBytes() const { return 0; }

  /// Bytes to which what a program keeps in one block of memory is aligned.
  virtual std::size_t arenaAlignment() const { return 64; }
  /// How many channels a kernel computes at once, of float32; 1: they are not padded.
  virtual Index vectorLanes() const { return 1; }

  /// Raw memory, aligned to 64 bytes; null when there is none left.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory, std::size_t bytes) noexcept = 0;
  /// Gives what was released, and is kept for the next allocation, back to the system.
  virtual void trim() noexcept {}
  /// For messages: what all of a device has, where that can be told.
  virtual std::optional<SharedMemory> sharedMemory() { return std::nullopt; }

  /// Whether the host may read and write that memory; if not, the two copies and `finish` say how it gets there and
  /// back.
  virtual bool isHostMemory() const { return true; }
  /// On the queue's thread; `from` may go as soon as the call returns.
  virtual void copyFromHost(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  /// On the queue's thread; waits for what was started before, and throws what that left behind.
  virtual void copyToHost(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  /// Waits until all that kernels started is done, and throws what they left behind. From any thread.
  virtual void finish() {}
  /// Called on the queue's thread before its first kernel (threads to use: 0 = the machine's).
  virtual void startThread(int /*threads*/) {}
  /// How many of the host's cores the process may keep busy.
  virtual int hostThreads() const { return static_cast<int>(std::thread::hardware_concurrency()); }

  /// Whether `capture` gives something.
  virtual bool captures() const { return false; }
  /// Records what `enqueueAll` runs (kernels that have run before, on memory that stays) without running it; null for
  /// backends that can't. On the queue's thread. Throws what `enqueueAll` throws.
  virtual std::unique_ptr<Captured> capture(const std::function<void()>& /*enqueueAll*/) { return nullptr; }
  /// For kernels that are prepared from now on. Those in a cache must go. The options are the backend's own.
  virtual void configure(const BackendOptions&) {}
};

}  // namespace cnn

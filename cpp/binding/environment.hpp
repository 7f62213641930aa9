// Environment: what one Node environment (the main thread, or one worker) owns: its session, its tensors' handles, its
// devices.
#pragma once

#include <napi.h>

#include <atomic>
#include <chrono>

#include "core/apply.hpp"
#include "devices/registry.hpp"
#include "graph/program.hpp"

namespace cnn {

/// Tensors by number. A number names a slot and its generation, so one that was disposed is recognised ever after, and
/// the environment, so that a number which came from another thread names no tensor here.
class Handles {
 public:
  explicit Handles(std::uint32_t environment) : environment_(environment % environments) {}
  /// 0 for no tensor.
  double add(Tensor tensor);
  /// Throws DisposedError (or ValueError where it never was a handle).
  const Tensor& get(double handle) const;
  /// What the tensor was that had this number until lately: the last one of its slot. Undefined where another was there
  /// since.
  TensorDesc lastDesc(double handle) const;
  /// The bytes that its memory had when the handle was made; 0 where it was removed before. A tensor's memory may have
  /// become another since.
  std::size_t remove(double handle);
  void clear();
  std::size_t size() const { return alive_; }

 private:
  struct Slot {
    Tensor tensor;
    std::size_t bytes = 0;
    std::uint32_t generation = 1;
    TensorDesc last;  // of the tensor before
  };
  struct Parts {
    std::uint32_t slot, generation;
  };
  static constexpr std::uint32_t environments = 256;
  Parts split(double handle) const;
  const Slot* find(double handle) const;
  std::uint32_t environment_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t alive_ = 0;
};

/// JavaScript can't go on: an exception is pending already, or the thread is being ended, where Node refuses many
/// calls.
struct Interrupted {};

/// For calls that may run JavaScript or make its objects.
inline void checked(napi_status status) {
  if (status != napi_ok) throw Interrupted();
}

/// How a promise ends. What that needs is there from the start: a queue's thread has no one to tell that there is no
/// memory.
struct Settlement {
  napi_deferred deferred = nullptr;
  std::function<napi_value(napi_env)>
      value;           // what it resolves to, on the JavaScript thread; throws the Error that it is rejected with
  FailurePtr failure;  // it is rejected with this instead
  std::shared_ptr<Settlement> self;  // on its way to the JavaScript thread
};
using SettlementPtr = std::shared_ptr<Settlement>;

/// Settles promises from the queues' threads. It may outlive its environment: then nobody waits any more.
class Settler {
 public:
  void settle(const SettlementPtr& settlement, const FailurePtr& failure = nullptr);

 private:
  friend class Environment;
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;  // null once the environment has closed
};

class Environment {
 public:
  explicit Environment(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  static Environment& of(napi_env env);

  Session session;
  Handles handles{nextEnvironmentNumber()};
  /// While a function is recorded.
  std::unique_ptr<graph::Recorder> recorder;
  std::unordered_map<Index, std::shared_ptr<graph::Program>> programs;
  std::shared_ptr<graph::ConstantCache> constants = std::make_shared<graph::ConstantCache>();  // of all programs
  Index nextProgram = 1;

  double add(Tensor tensor);
  void remove(double handle);

  /// A device by name; it stays open as long as this environment.
  DevicePtr device(std::string_view name);

  /// A promise, which keeps the event loop alive until it is settled. `start` queues what will settle it; where it
  /// throws, there is none.
  napi_value promise(std::function<napi_value(napi_env)> value, const std::function<void(const SettlementPtr&)>& start);
  /// For tasks that settle promises: they may not refer to the environment, which may be gone.
  const std::shared_ptr<Settler>& settler() const { return settler_; }
  /// Spins for a tenth of a millisecond at most while a device does what is left: small programs end sooner, and to
  /// fall asleep and be woken takes a third of that. The promise still settles by the event loop, which turns at least
  /// once a millisecond.
  void awaitBriefly(Device& device);

  /// Turns an error into a JavaScript exception of its class.
  void raise(const std::exception& error) noexcept;
  /// The JavaScript object of an error; nothing where the thread is being ended and no JavaScript can run.
  napi_value toJs(const std::exception& error) noexcept;
  void setErrorFactory(napi_value factory);

  /// Remembers the line of JavaScript that is running, for the message of an error that it may lead to.
  SitePtr captureSite();
  /// `capture()` gives an object that remembers the line, `describe(object)` says "train.ts:12:9".
  void setSiteHooks(napi_value capture, napi_value describe);
  /// `listener()` is called after ops have failed.
  void setFailureListener(napi_value listener);
  /// Whether somebody waits for a promise.
  bool isAwaited() const { return underWay_ > 0; }

 private:
  void close();
  void adjustMemory(std::int64_t bytes);
  bool isEnding();
  napi_value callFactory(const Error& error, const SitePtr& site);
  void release();
  napi_value undefined() const;
  void replace(napi_ref& reference, napi_value function);
  std::string describeSite(napi_value object);
  std::string placeOf(const SitePtr& of);
  void reportMemory();
  static void settle(napi_env env, napi_value, void* context, void* data);

  napi_env env_;
  std::vector<DevicePtr> devices_;
  std::shared_ptr<Settler> settler_ = std::make_shared<Settler>();
  std::size_t underWay_ = 0;
  std::chrono::steady_clock::time_point turned_;  // when the event loop last was left to wait
  int asleep_ = 0;                                // so many waits from now are left to the event loop
  int nextAsleep_ = 1;  // the same after the next wait in vain: who runs long programs should hardly spin
  napi_ref errorFactory_ = nullptr, captureSite_ = nullptr, describeSite_ = nullptr, failureListener_ = nullptr;
  struct Remembered {
    std::weak_ptr<Site> site;
    napi_ref object;
  };
  std::vector<Remembered> sites_;  // of ops that may still fail, or have
  std::size_t sitesToSweep_ = 64;  // when there are so many, those that are done are forgotten
  SettlementPtr note_;             // tells the listener
  std::shared_ptr<std::atomic<bool>> isNoted_ = std::make_shared<std::atomic<bool>>(false);
  bool isReportDue_ = false;              // at the next turn of the event loop
  std::int64_t reported_ = 0, held_ = 0;  // bytes that the garbage collector was told of, and that handles hold
};

/// Runs `body` and turns what it throws into a JavaScript exception.
template <class F>
napi_value guarded(napi_env env, F&& body) {
  try {
    return body();
  } catch (const Interrupted&) {
  } catch (const Napi::Error& error) { error.ThrowAsJavaScriptException(); } catch (const std::exception& error) {
    Environment::of(env).raise(error);
  }
  return nullptr;
}

}  // namespace cnn

// Environment: what one Node environment (the main thread, or one worker) owns: its session, its tensors' handles, its devices.
#pragma once

#include <napi.h>

#include <chrono>

#include "core/apply.hpp"
#include "core/registry.hpp"
#include "graph/program.hpp"

namespace cnn {

/// Tensors by number. A number names a slot and its generation, so one that was disposed is recognised ever after.
class Handles {
 public:
  /// 0 for no tensor.
  double add(Tensor tensor);
  /// Throws DisposedError (or ValueError where it never was a handle).
  const Tensor& get(double handle) const;
  bool isAlive(double handle) const;
  void remove(double handle);
  void clear();
  std::size_t size() const { return alive_; }

 private:
  struct Slot {
    Tensor tensor;
    std::uint32_t generation = 1;
  };
  const Slot* find(double handle) const;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t alive_ = 0;
};

/// JavaScript can't go on: an exception is pending already, or the thread is being ended, where Node refuses many calls.
struct Interrupted {};

/// For calls that may run JavaScript or make its objects.
inline void checked(napi_status status) {
  if (status != napi_ok) throw Interrupted();
}

class Environment {
 public:
  explicit Environment(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  static Environment& of(napi_env env);

  Session session;
  Handles handles;
  /// While a function is recorded.
  std::unique_ptr<graph::Recorder> recorder;
  std::unordered_map<Index, std::shared_ptr<graph::Program>> programs;
  Index nextProgram = 1;

  double add(Tensor tensor);
  void remove(double handle);

  /// A device by name; it stays open as long as this environment.
  DevicePtr device(std::string_view name);

  /// A promise under way: it keeps the event loop alive until it is settled. `start` begins what settles it; where it throws there is none.
  template <class F>
  napi_value promise(F&& start) {
    Pending pending = beginPromise();
    try {
      start(pending.deferred);
    } catch (...) {
      cancel(pending.deferred);
      throw;
    }
    return pending.promise;
  }
  /// Settles it from a queue's thread: `value` runs on the JavaScript thread; it returns what the promise resolves to, or throws the
  /// Error that it is rejected with.
  void settleLater(napi_deferred deferred, std::function<napi_value(napi_env)> value);
  /// Spins for a tenth of a millisecond at most while a device does what is left: small programs end sooner, and to fall asleep and be woken takes a
  /// third of that. The promise still settles by the event loop, which turns at least once a millisecond.
  void awaitBriefly(Device& device);

  /// Turns an error into a JavaScript exception of its class.
  void raise(const std::exception& error) noexcept;
  /// The JavaScript object of an error; nothing where the thread is being ended and no JavaScript can run.
  napi_value toJs(const std::exception& error) noexcept;
  void setErrorFactory(napi_value factory);

 private:
  struct Pending {
    napi_deferred deferred;
    napi_value promise;
  };
  Pending beginPromise();
  void cancel(napi_deferred deferred);
  void endPromise();
  void close();
  void adjustMemory(std::int64_t bytes);
  napi_value callFactory(const std::exception& error);
  struct Settlement {
    napi_deferred deferred;
    std::function<napi_value(napi_env)> value;
  };
  static void settle(napi_env env, napi_value, void* context, void* data);

  napi_env env_;
  std::vector<DevicePtr> devices_;
  napi_threadsafe_function settler_ = nullptr;
  std::size_t underWay_ = 0;
  std::chrono::steady_clock::time_point turned_;  // when the event loop last was left to wait
  int asleep_ = 0;      // so many waits from now are left to the event loop
  int nextAsleep_ = 1;  // the same after the next wait in vain: who runs long programs should hardly spin
  napi_ref errorFactory_ = nullptr;
  std::int64_t reported_ = 0, held_ = 0;  // bytes that the garbage collector was told of, and that handles hold
};

/// Runs `body` and turns what it throws into a JavaScript exception.
template <class F>
napi_value guarded(napi_env env, F&& body) {
  try {
    return body();
  } catch (const Interrupted&) {
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    Environment::of(env).raise(error);
  }
  return nullptr;
}

}  // namespace cnn

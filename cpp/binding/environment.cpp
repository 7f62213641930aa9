// Handles, errors and promises of one Node environment.
#include "environment.hpp"

#include <algorithm>
#include <cmath>

#include "autograd/tape.hpp"

namespace cnn {

// A double holds 53 bits: 24 for the slot, 8 for the environment, 21 for the generation.
namespace {
constexpr double slots = 16777216, slotsAndEnvironments = 4294967296;
constexpr std::uint32_t lastGeneration = (1u << 21) - 1;
}  // namespace

double Handles::add(Tensor tensor) {
  if (!tensor) return 0;
  std::uint32_t slot;
  if (free_.empty()) {
    if (static_cast<double>(slots_.size()) >= slots)
      fail(ErrorKind::outOfMemory, "more than 16777216 tensors are alive, dispose of some");
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  tensor->handles++;
  slots_[slot].bytes = tensor->storage->bytes();
  slots_[slot].tensor = std::move(tensor);
  alive_++;
  return slots_[slot].generation * slotsAndEnvironments + environment_ * slots + slot;
}

Handles::Parts Handles::split(double handle) const {
  auto failNone = [&] { fail(ErrorKind::value, "a tensor was expected, but ", handle, " is no handle of one"); };
  if (!(handle >= slotsAndEnvironments) || handle > 9007199254740991.0 || std::floor(handle) != handle) failNone();
  auto slot = static_cast<std::uint32_t>(std::fmod(handle, slots));
  auto environment = static_cast<std::uint32_t>(std::fmod(handle, slotsAndEnvironments) / slots);
  auto generation = static_cast<std::uint32_t>(handle / slotsAndEnvironments);
  if (environment != environment_) {
    fail(ErrorKind::value,
         "this tensor belongs to another thread, expected one of this thread; send its values, await tensor.data(), "
         "instead");
  }
  if (slot >= slots_.size() || generation > slots_[slot].generation) failNone();
  return {slot, generation};
}

const Handles::Slot* Handles::find(double handle) const {
  const auto [slot, generation] = split(handle);
  const Slot& found = slots_[slot];
  return found.generation == generation && found.tensor ? &found : nullptr;
}

TensorDesc Handles::lastDesc(double handle) const {
  const auto [slot, generation] = split(handle);
  return slots_[slot].generation == generation + 1 ? slots_[slot].last : TensorDesc();
}

const Tensor& Handles::get(double handle) const {
  const Slot* slot = find(handle);
  if (!slot) fail(ErrorKind::disposed, "this tensor was disposed");
  return slot->tensor;
}

std::size_t Handles::remove(double handle) {
  if (!find(handle)) return 0;
  const std::uint32_t index = split(handle).slot;
  Slot& slot = slots_[index];
  Tensor last = std::move(slot.tensor);
  slot.tensor = {};
  slot.last = last.desc();
  // Nobody can ask for its gradient any more; one made with createGraph holds this very tensor, a circle that must not
  // stay.
  if (--last->handles == 0) last->grad.reset();
  alive_--;
  if (slot.generation++ < lastGeneration) free_.push_back(index);
  return slot.bytes;
}

void Handles::clear() {
  auto slots = std::move(slots_);
  for (Slot& slot : slots) {
    if (slot.tensor) slot.tensor->grad.reset();
  }
  slots_.clear();
  free_.clear();
  alive_ = 0;
}

Environment::Environment(napi_env env) : env_(env) {
  napi_value name;
  napi_create_string_utf8(env, "node-cudnn", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, settle,
                                      &settler_->function_) != napi_ok) {
    throw std::runtime_error("node-cudnn: Node can't create a thread-safe function");
  }
  napi_unref_threadsafe_function(env, settler_->function_);
  session.tape = &gradientTape();
  session.client()->isEnding = [this, thread = std::this_thread::get_id()] {
    return std::this_thread::get_id() == thread && isEnding();
  };
  napi_add_env_cleanup_hook(env, [](void* self) { static_cast<Environment*>(self)->close(); }, this);
}

Environment::~Environment() = default;

// Runs before Node takes its own parts down. What is still queued is dropped, what runs now is not waited for: it only
// settles promises of nobody.
void Environment::close() {
  session.client()->isEnding = nullptr;
  session.leave();
  session.failures()->listen({});
  {
    std::lock_guard lock(settler_->mutex_);
    napi_release_threadsafe_function(std::exchange(settler_->function_, nullptr), napi_tsfn_abort);
  }
  for (DevicePtr& device : devices_) device->queue().wake();
  recorder.reset();
  programs.clear();
  handles.clear();
  devices_.clear();
}

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

namespace { constexpr std::int64_t mebibyte = 1 << 20; }

// Told in steps of a mebibyte, and when the event loop turns: V8 may collect garbage at once when it hears of memory,
// several times while the weights of one network are made, and tensors that it finds are freed by the event loop
// anyway.
void Environment::adjustMemory(std::int64_t bytes) {
  constexpr std::int64_t most = 256 * mebibyte;
  held_ += bytes;
  const std::int64_t difference = std::abs(held_ - reported_);
  if (difference >= most) return reportMemory();
  if (isReportDue_ || difference < mebibyte) return;
  isReportDue_ = napi_call_threadsafe_function(settler_->function_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

// Each step lets V8 go on with marking.
void Environment::reportMemory() {
  isReportDue_ = false;
  while (std::abs(held_ - reported_) >= mebibyte) {
    const std::int64_t step = std::clamp(held_ - reported_, -16 * mebibyte, mebibyte);
    std::int64_t result;
    napi_adjust_external_memory(env_, step, &result);
    reported_ += step;
  }
}

double Environment::add(Tensor tensor) {
  if (!tensor) return 0;
  adjustMemory(static_cast<std::int64_t>(tensor->storage->bytes()));
  return handles.add(std::move(tensor));
}

void Environment::remove(double handle) {
  // V8 ends the process where it is told of less memory than there was.
  adjustMemory(-static_cast<std::int64_t>(handles.remove(handle)));
}

DevicePtr Environment::device(std::string_view name) {
  for (const DevicePtr& device : devices_) {
    if (device->name() == name) return device;
  }
  DevicePtr device = openDevice(name);
  for (const DevicePtr& open : devices_) {
    if (open == device) return device;  // 'auto' is another name of an open one
  }
  devices_.push_back(device);
  return device;
}

napi_value Environment::promise(std::function<napi_value(napi_env)> value,
                                const std::function<void(const SettlementPtr&)>& start) {
  auto settlement = std::make_shared<Settlement>();
  settlement->value = std::move(value);
  napi_value promise;
  checked(napi_create_promise(env_, &settlement->deferred, &promise));
  if (underWay_++ == 0) napi_ref_threadsafe_function(env_, settler_->function_);
  try {
    start(settlement);
  } catch (...) {
    release();
    napi_resolve_deferred(env_, settlement->deferred, undefined());  // nobody has the promise: this only frees it
    throw;
  }
  return promise;
}

void Environment::release() {
  if (--underWay_ == 0) napi_unref_threadsafe_function(env_, settler_->function_);
}

napi_value Environment::undefined() const {
  napi_value value;
  napi_get_undefined(env_, &value);
  return value;
}

void Settler::settle(const SettlementPtr& settlement, const FailurePtr& failure) {
  if (failure) failure->tell();
  settlement->failure = failure;
  settlement->self = settlement;
  std::lock_guard lock(mutex_);
  if (!function_ || napi_call_threadsafe_function(function_, settlement.get(), napi_tsfn_nonblocking) != napi_ok)
    settlement->self.reset();
}

// Node refuses this call, which needs no JavaScript here, from a thread that is being ended.
bool Environment::isEnding() {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return true;
  napi_value global = nullptr, value = nullptr;
  napi_get_global(env_, &global);
  bool isRefused = napi_get_named_property(env_, global, "Object", &value) != napi_ok;
  napi_close_handle_scope(env_, scope);
  return isRefused;
}

void Environment::awaitBriefly(Device& device) {
  constexpr std::chrono::microseconds most(100);
  constexpr int mostAsleep = 1024;
  if (device.backend().hostThreads() < 2) return;  // the core is for the work
  // Node settles promises without a turn of the event loop in between, as long as there is another to settle: once a
  // millisecond there shall be none.
  constexpr std::chrono::milliseconds longestTurn(1);
  auto now = std::chrono::steady_clock::now();
  if (now - turned_ > longestTurn) {
    turned_ = now;
    return;
  }
  if (asleep_ > 0) {
    asleep_--;
  } else if (device.queue().awaitIdle(most)) {
    nextAsleep_ = 1;
  } else {
    asleep_ = nextAsleep_;
    nextAsleep_ = std::min(2 * nextAsleep_, mostAsleep);
  }
}

void Environment::settle(napi_env env, napi_value, void* context, void* data) {
  SettlementPtr settlement = data ? std::move(static_cast<Settlement*>(data)->self) : nullptr;
  if (!env) return;  // the environment is being taken down
  auto& self = *static_cast<Environment*>(context);
  if (!settlement) return self.reportMemory();
  if (!settlement->deferred) {  // no promise: a note
    *self.isNoted_ = false;
    settlement->value(env);
    return;
  }
  self.release();
  auto reject = [&](napi_value reason) {
    if (reason) napi_reject_deferred(env, settlement->deferred, reason);
  };
  try {
    if (settlement->failure) {
      self.session.failures()->hand(*settlement->failure);
      return reject(self.toJs(settlement->failure->error));
    }
    napi_resolve_deferred(env, settlement->deferred, settlement->value(env));
  } catch (const Interrupted&) {
    // Node could not make the value; where the thread is being ended it takes no reason either, and nobody waits any
    // more
    napi_value reason = nullptr;
    bool isPending = false;
    napi_is_exception_pending(env, &isPending);
    if (isPending) {
      napi_get_and_clear_last_exception(env, &reason);
    } else {
      reason = self.toJs(std::bad_alloc());
    }
    reject(reason);
  } catch (const std::exception& error) { reject(self.toJs(error)); }
}

SitePtr Environment::captureSite() {
  if (!captureSite_) return nullptr;
  if (sites_.size() >= sitesToSweep_) {
    std::erase_if(sites_, [this](const Remembered& each) {
      bool isDone = each.site.expired();
      if (isDone) napi_delete_reference(env_, each.object);
      return isDone;
    });
    sitesToSweep_ = std::max<std::size_t>(64, 2 * sites_.size());
  }
  napi_value capture, object;
  checked(napi_get_reference_value(env_, captureSite_, &capture));
  checked(napi_call_function(env_, undefined(), capture, 0, nullptr, &object));
  auto site = std::make_shared<Site>();
  if (session.trace) {  // a program keeps its lines: as text
    site->tell(describeSite(object));
    return site;
  }
  napi_ref reference;
  checked(napi_create_reference(env_, object, 1, &reference));
  sites_.push_back({site, reference});
  return site;
}

std::string Environment::describeSite(napi_value object) {
  napi_value describe, text;
  checked(napi_get_reference_value(env_, describeSite_, &describe));
  checked(napi_call_function(env_, undefined(), describe, 1, &object, &text));
  return Napi::Value(env_, text).ToString().Utf8Value();
}

// As text; empty where it is not known.
std::string Environment::placeOf(const SitePtr& of) {
  if (!of || of->isKnown()) return of ? of->place() : "";
  for (const Remembered& each : sites_) {
    auto site = each.site.lock();
    if (site != of) continue;
    napi_value object;
    checked(napi_get_reference_value(env_, each.object, &object));
    site->tell(describeSite(object));
    return site->place();
  }
  return "";
}

void Environment::setSiteHooks(napi_value capture, napi_value describe) {
  replace(captureSite_, capture);
  replace(describeSite_, describe);
}

void Environment::setFailureListener(napi_value listener) {
  replace(failureListener_, listener);
  note_ = std::make_shared<Settlement>();
  note_->value = [this](napi_env env) -> napi_value {
    napi_value listener, result;
    napi_get_reference_value(env, failureListener_, &listener);
    napi_call_function(env, undefined(), listener, 0, nullptr, &result);
    return nullptr;
  };
  session.failures()->listen([settler = settler_, note = note_, isNoted = isNoted_] {
    if (!isNoted->exchange(true)) settler->settle(note);
  });
}

void Environment::replace(napi_ref& reference, napi_value function) {
  if (reference) napi_delete_reference(env_, reference);
  napi_create_reference(env_, function, 1, &reference);
}

void Environment::setErrorFactory(napi_value factory) { replace(errorFactory_, factory); }

napi_value Environment::callFactory(const Error& error, const SitePtr& site) {
  Napi::Env env(env_);
  std::string words = error.what();
  if (std::string place = placeOf(site); !place.empty()) words += ", queued at " + place;
  auto message = Napi::String::New(env, words);
  napi_value factory = nullptr;
  if (errorFactory_) napi_get_reference_value(env_, errorFactory_, &factory);
  if (!factory) return Napi::Error::New(env, words).Value();
  Napi::Value figures = env.Undefined();
  if (error.kind == ErrorKind::outOfMemory) {
    // Memory that was asked for elsewhere than on a device: the figures are still those that tell most.
    const bool isCounted = error.memory.reserved != 0 || error.memory.limit != 0 || devices_.empty();
    const MemoryFigures memory = isCounted ? error.memory : devices_.front()->allocator().figures();
    auto object = Napi::Object::New(env);
    object.Set("requested", static_cast<double>(error.requested));
    object.Set("live", static_cast<double>(memory.live));
    object.Set("reserved", static_cast<double>(memory.reserved));
    object.Set("peak", static_cast<double>(memory.peak));
    object.Set("limit", static_cast<double>(memory.limit));
    figures = object;
  }
  auto name = Napi::String::New(env, className(error.kind));
  return Napi::Function(env_, factory).Call({name, message, figures});
}

napi_value Environment::toJs(const std::exception& error) noexcept {
  try {
    auto queued = dynamic_cast<const QueuedError*>(&error);
    return callFactory(asError(error), queued ? queued->site : nullptr);
  } catch (const Napi::Error&) { return nullptr; } catch (const Interrupted&) {
    return nullptr;
  } catch (const std::bad_alloc&) { return nullptr; }
}

void Environment::raise(const std::exception& error) noexcept {
  napi_value exception = toJs(error);
  if (exception) napi_throw(env_, exception);
}

}  // namespace cnn

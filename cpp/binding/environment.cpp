// Handles, errors and promises of one Node environment.
#include "environment.hpp"

#include <algorithm>
#include <cmath>

namespace cnn {

namespace {
constexpr double generationStep = 16777216;  // 2^24 slots; 2^29 generations fit into a double beside them
constexpr std::uint32_t lastGeneration = (1u << 29) - 1;
}  // namespace

double Handles::add(Tensor tensor) {
  if (!tensor) return 0;
  std::uint32_t slot;
  if (free_.empty()) {
    if (static_cast<double>(slots_.size()) >= generationStep) fail(ErrorKind::outOfMemory, "more than 16777216 tensors are alive, dispose of some");
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  tensor->handles++;
  slots_[slot].tensor = std::move(tensor);
  alive_++;
  return slots_[slot].generation * generationStep + slot;
}

const Handles::Slot* Handles::find(double handle) const {
  if (!(handle >= generationStep) || handle > 9007199254740991.0 || std::floor(handle) != handle) {
    fail(ErrorKind::value, "a tensor was expected, but ", handle, " is no handle of one");
  }
  auto slot = static_cast<std::size_t>(std::fmod(handle, generationStep));
  auto generation = static_cast<std::uint32_t>(handle / generationStep);
  if (slot >= slots_.size() || generation > slots_[slot].generation) fail(ErrorKind::value, "a tensor was expected, but ", handle, " is no handle of one");
  const Slot& found = slots_[slot];
  return found.generation == generation && found.tensor ? &found : nullptr;
}

const Tensor& Handles::get(double handle) const {
  const Slot* slot = find(handle);
  if (!slot) fail(ErrorKind::disposed, "this tensor was disposed");
  return slot->tensor;
}

bool Handles::isAlive(double handle) const { return find(handle) != nullptr; }

void Handles::remove(double handle) {
  if (!find(handle)) return;
  auto index = static_cast<std::uint32_t>(std::fmod(handle, generationStep));
  Slot& slot = slots_[index];
  Tensor last = std::move(slot.tensor);
  slot.tensor = {};
  // Nobody can ask for its gradient any more; one made with createGraph holds this very tensor, a circle that must not stay.
  if (--last->handles == 0) last->grad.reset();
  alive_--;
  if (slot.generation++ < lastGeneration) free_.push_back(index);
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
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, settle, &settler_) != napi_ok) {
    throw std::runtime_error("node-cudnn: Node can't create a thread-safe function");
  }
  napi_unref_threadsafe_function(env, settler_);
  napi_add_env_cleanup_hook(env, [](void* self) { static_cast<Environment*>(self)->close(); }, this);
}

Environment::~Environment() = default;

// Runs before Node takes its own parts down. Queued work may still call back: it finishes first.
void Environment::close() {
  for (DevicePtr& device : devices_) device->queue().drain();
  napi_release_threadsafe_function(settler_, napi_tsfn_abort);
  settler_ = nullptr;
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

// Told in steps of a mebibyte: the call costs more than most ops.
void Environment::adjustMemory(std::int64_t bytes) {
  held_ += bytes;
  if (std::int64_t difference = held_ - reported_; std::abs(difference) >= (1 << 20)) {
    std::int64_t result;
    napi_adjust_external_memory(env_, difference, &result);
    reported_ = held_;
  }
}

double Environment::add(Tensor tensor) {
  if (!tensor) return 0;
  adjustMemory(static_cast<std::int64_t>(tensor->storage->bytes()));
  return handles.add(std::move(tensor));
}

void Environment::remove(double handle) {
  if (!handles.isAlive(handle)) return;
  adjustMemory(-static_cast<std::int64_t>(handles.get(handle)->storage->bytes()));
  handles.remove(handle);
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

Environment::Pending Environment::beginPromise() {
  Pending pending;
  checked(napi_create_promise(env_, &pending.deferred, &pending.promise));
  if (underWay_++ == 0) napi_ref_threadsafe_function(env_, settler_);
  return pending;
}

void Environment::endPromise() {
  if (--underWay_ == 0) napi_unref_threadsafe_function(env_, settler_);
}

// Nobody has the promise.
void Environment::cancel(napi_deferred deferred) {
  endPromise();
  napi_value nothing;
  napi_get_undefined(env_, &nothing);
  napi_resolve_deferred(env_, deferred, nothing);
}

void Environment::settleLater(napi_deferred deferred, std::function<napi_value(napi_env)> value) {
  auto data = std::make_unique<Settlement>(deferred, std::move(value));
  if (napi_call_threadsafe_function(settler_, data.get(), napi_tsfn_nonblocking) == napi_ok) static_cast<void>(data.release());
}

void Environment::awaitBriefly(Device& device) {
  constexpr std::chrono::microseconds most(100);
  constexpr int mostAsleep = 1024;
  if (device.backend().hostThreads() < 2) return;  // the core is for the work
  // Node settles promises without a turn of the event loop in between, as long as there is another to settle: once a millisecond there shall be none.
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
  std::unique_ptr<Settlement> settlement(static_cast<Settlement*>(data));
  if (!env) return;  // the environment is being taken down
  auto& self = *static_cast<Environment*>(context);
  self.endPromise();
  try {
    napi_resolve_deferred(env, settlement->deferred, settlement->value(env));
  } catch (const Interrupted&) {
    // the thread is being ended: nobody waits any more
  } catch (const std::exception& error) {
    if (napi_value reason = self.toJs(error)) napi_reject_deferred(env, settlement->deferred, reason);
  }
}

void Environment::setErrorFactory(napi_value factory) {
  if (errorFactory_) napi_delete_reference(env_, errorFactory_);
  napi_create_reference(env_, factory, 1, &errorFactory_);
}

napi_value Environment::callFactory(const std::exception& error) {
  Napi::Env env(env_);
  auto typed = dynamic_cast<const Error*>(&error);
  auto message = Napi::String::New(env, error.what());
  napi_value factory = nullptr;
  if (errorFactory_) napi_get_reference_value(env_, errorFactory_, &factory);
  if (!factory) return Napi::Error::New(env, error.what()).Value();
  Napi::Value figures = env.Undefined();
  if (typed && typed->kind == ErrorKind::outOfMemory) {
    auto object = Napi::Object::New(env);
    object.Set("requested", static_cast<double>(typed->requested));
    object.Set("live", static_cast<double>(typed->memory.live));
    object.Set("reserved", static_cast<double>(typed->memory.reserved));
    object.Set("peak", static_cast<double>(typed->memory.peak));
    object.Set("limit", static_cast<double>(typed->memory.limit));
    figures = object;
  }
  auto name = Napi::String::New(env, className(typed ? typed->kind : ErrorKind::backend));
  return Napi::Function(env_, factory).Call({name, message, figures});
}

napi_value Environment::toJs(const std::exception& error) noexcept {
  try {
    return callFactory(error);
  } catch (const Napi::Error&) {
    return nullptr;
  }
}

void Environment::raise(const std::exception& error) noexcept {
  napi_value exception = toJs(error);
  if (exception) napi_throw(env_, exception);
}

}  // namespace cnn

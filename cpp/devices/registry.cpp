// Which devices this machine has, and the ones that are open.
#include "registry.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "backends/reference/backend.hpp"
#include "core/cpu_plugin.hpp"

namespace cnn {

namespace {

struct Maker {
  std::string name;
  std::unique_ptr<Backend> (*make)();
};

const std::vector<Maker>& makers() {
  static const std::vector<Maker> all = {{"cpu", [] { return openCpu(prepareReference); }},
                                         {"reference", makeReferenceBackend}};
  return all;
}

template <class T>
T fromEnvironment(const char* name, T otherwise, T most, const char* expected) {
  const char* value = std::getenv(name);
  if (!value || !*value) return otherwise;
  T number{};
  std::string_view digits(value);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number > most) {
    fail(ErrorKind::value, name, " is '", value, "', expected ", expected);
  }
  return number;
}

bool flagFromEnvironment(const char* name, bool otherwise) {
  return fromEnvironment<unsigned>(name, otherwise, 1, "0 or 1") == 1;
}

CudaOptions cudaOptionsFromEnvironment() {
  CudaOptions options;
  options.allowTf32 = flagFromEnvironment("NODE_CUDNN_ALLOW_TF32", options.allowTf32);
  options.deterministic = flagFromEnvironment("NODE_CUDNN_DETERMINISTIC", options.deterministic);
  options.benchmark = flagFromEnvironment("NODE_CUDNN_BENCHMARK", options.benchmark);
  options.workspaceLimit = fromEnvironment<std::size_t>("NODE_CUDNN_WORKSPACE_LIMIT", options.workspaceLimit,
                                                        std::size_t{1} << 48, "a number of bytes");
  return options;
}

struct Registry {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<Device>> open;
  std::vector<Device*> alive;  // those that are not being closed
  int closing = 0;             // on threads of their own
  std::condition_variable closed;
  int threads = 0;
  std::uint32_t environments = 0;
  std::optional<CudaOptions> cudaOptions;

  const CudaOptions& currentCudaOptions() {
    if (!cudaOptions) cudaOptions = cudaOptionsFromEnvironment();
    return *cudaOptions;
  }
};

Registry& registry() {
  static Registry instance;
  return instance;
}

// How long an exit of the process waits for what runs then. Where exit handlers are not told the status, it waits as
// long as it takes: the process must end with that.
#if defined(__GLIBC__)
constexpr std::optional<std::chrono::seconds> exitPatience(2);
#else
constexpr std::optional<std::chrono::seconds> exitPatience;
#endif

// Runs in exit(). No task starts any more; one that runs is waited for, since handlers that come later unmap the code
// that it is in.
void stopQueues(int status, void*) {
  const auto end = exitPatience ? std::chrono::steady_clock::now() + *exitPatience : Queue::never;
  std::vector<std::shared_future<void>> ends;
  std::unique_lock lock(registry().mutex);
  for (Device* device : registry().alive) {
    device->queue().stop();
    ends.push_back(device->queue().ended());
  }
  bool areClosed = registry().closed.wait_until(lock, end, [] { return registry().closing == 0; });
  lock.unlock();
  for (const auto& each : ends) areClosed = each.wait_until(end) == std::future_status::ready && areClosed;
  if (areClosed) return;
  std::fflush(nullptr);
  _exit(status);
}

// Has all queues stop when the process exits. Exit handlers run in the reverse order of their registration: what a task
// uses for the first time (code that a library generates) is taken down before anything that was registered earlier. So
// this is called again behind each task that the process may end after. Where a kernel does not end within two seconds,
// the process ends without the rest of the exit handlers.
void stopQueuesAtExit() {
#if defined(__GLIBC__)
  on_exit(stopQueues, nullptr);
#else
  std::atexit([] { stopQueues(EXIT_FAILURE, nullptr); });
#endif
}

// A thread can't wait for itself, and nobody shall wait for a kernel: a device that is busy, or may be, is closed by
// another thread.
void closeDevice(Device* device) {
  bool isQuick = !device->queue().isQueueThread() && device->queue().isIdle() && device->backend().isHostMemory();
  {
    std::lock_guard lock(registry().mutex);
    std::erase(registry().alive, device);
    registry().closing++;
  }
  auto close = [device] {
    delete device;
    std::lock_guard lock(registry().mutex);
    registry().closing--;
    registry().closed.notify_all();
  };
  if (isQuick) return close();
  device->queue().stop();
  // The process may end with this thread: most tasks are over soon.
  if (!device->queue().isQueueThread()) device->queue().ended().wait_for(std::chrono::milliseconds(250));
  stopQueuesAtExit();
  try {
    std::thread(close).detach();
  } catch (const std::system_error&) {  // the process has as many threads as it may have
    if (!device->queue().isQueueThread()) close();
  }
}

// The number in 'cuda:N'; nothing where the name is not of that form.
std::optional<int> cudaOrdinal(std::string_view name) {
  if (!name.starts_with("cuda:")) return std::nullopt;
  std::string_view digits = name.substr(5);
  int ordinal = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
  bool isCanonical = digits == "0" || (!digits.empty() && digits[0] >= '1' && digits[0] <= '9');
  if (error != std::errc() || end != digits.data() + digits.size() || !isCanonical) return std::nullopt;
  return ordinal;
}

// What 'auto' and 'cuda' stand for: the first GPU that can be used.
std::string resolve(std::string_view name) {
  if (name != "cuda" && name != "auto") return std::string(name);
  if (!cudaStatus().devices.empty()) return cudaStatus().devices[0].name;
  return name == "cuda" ? "cuda:0" : makers()[0].name;
}

[[noreturn]] void failUnknown(std::string_view name) {
  for (const DeviceInfo& device : cudaStatus().unusable) {
    if (device.name == name) fail(ErrorKind::device, "device '", name, "' can't be used: ", device.unusable);
  }
  if (cudaOrdinal(name) && !cudaStatus().missing.empty())
    fail(ErrorKind::device, "device '", name, "' can't be used: ", cudaStatus().missing);
  std::string names = "auto";
  for (const DeviceInfo& device : cudaStatus().devices) names += ", " + device.name;
  for (const Maker& maker : makers()) names += ", " + maker.name;
  fail(ErrorKind::device, "device '", name, "' does not exist here, expected one of: ", names);
}

std::unique_ptr<Backend> makeBackend(const std::string& name, const CudaOptions& options) {
  for (const Maker& maker : makers()) {
    if (name == maker.name) return maker.make();
  }
  return openCuda(*cudaOrdinal(name), options);
}

// Throws where there is no such device.
void checkName(const std::string& name) {
  for (const Maker& maker : makers()) {
    if (name == maker.name) return;
  }
  auto isIt = [&](const DeviceInfo& device) { return device.name == name; };
  if (!cudaOrdinal(name) || std::none_of(cudaStatus().devices.begin(), cudaStatus().devices.end(), isIt))
    failUnknown(name);
}

}  // namespace

std::vector<DeviceInfo> listDevices() {
  std::vector<DeviceInfo> infos = cudaStatus().devices;
  for (const Maker& maker : makers()) {
    try {
      infos.push_back({.name = maker.name, .description = maker.make()->description()});
    } catch (const Error&) {
      // it can't be used here: opening it says why
    }
  }
  return infos;
}

DevicePtr openDevice(std::string_view given) {
  std::string name = resolve(given);
  checkName(name);
  std::lock_guard lock(registry().mutex);
  auto& slot = registry().open[name];
  DevicePtr device = slot.lock();
  if (!device) {
    device = DevicePtr(new Device(name, makeBackend(name, registry().currentCudaOptions()), registry().threads),
                       closeDevice);
    slot = device;
    registry().alive.push_back(device.get());
    stopQueuesAtExit();
  }
  return device;
}

void setCudaOptions(const CudaOptions& options) {
  std::lock_guard lock(registry().mutex);
  registry().cudaOptions = options;
  for (auto& [name, slot] : registry().open) {
    DevicePtr device = cudaOrdinal(name) ? slot.lock() : nullptr;
    if (device) device->configure(options);
  }
}

CudaOptions getCudaOptions() {
  std::lock_guard lock(registry().mutex);
  return registry().currentCudaOptions();
}

void holdQueuesForExit() {
  std::vector<DevicePtr> devices;  // held without the lock, which a task may want
  {
    std::lock_guard lock(registry().mutex);
    for (const auto& [name, slot] : registry().open) {
      if (DevicePtr device = slot.lock()) devices.push_back(std::move(device));
    }
  }
  const auto end = Queue::Clock::now() + std::chrono::seconds(2);
  for (const DevicePtr& device : devices) device->queue().hold(stopQueuesAtExit, end);
  stopQueuesAtExit();
}

void setThreads(int threads) {
  std::lock_guard lock(registry().mutex);
  registry().threads = threads;
}

int getThreads() {
  std::lock_guard lock(registry().mutex);
  return registry().threads;
}

std::uint32_t nextEnvironmentNumber() {
  std::lock_guard lock(registry().mutex);
  return registry().environments++;
}

}  // namespace cnn

// Which devices this build has, and the ones that are open.
#include "registry.hpp"

#include <algorithm>

#include "backends/cpu/backend.hpp"
#include "backends/reference/backend.hpp"

namespace cnn {

namespace {

struct Maker {
  std::string name;
  std::unique_ptr<Backend> (*make)();
};

const std::vector<Maker>& makers() {
  static const std::vector<Maker> all = {{"cpu", makeCpuBackend}, {"reference", makeReferenceBackend}};
  return all;
}

struct Registry {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<Device>> open;
  int threads = 0;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

// A device whose last user lets go on the device's own queue is closed by another thread: a thread can't join itself.
void closeDevice(Device* device) {
  if (device->queue().isQueueThread()) {
    std::thread([device] { delete device; }).detach();
  } else {
    delete device;
  }
}

}  // namespace

std::vector<DeviceInfo> listDevices() {
  std::vector<DeviceInfo> infos;
  for (const Maker& maker : makers()) infos.push_back({maker.name, maker.make()->description()});
  return infos;
}

DevicePtr openDevice(std::string_view name) {
  const Maker* found = nullptr;
  std::string names;
  for (const Maker& maker : makers()) {
    if (name == maker.name || (name == "auto" && !found)) found = &maker;
    names += (names.empty() ? "" : ", ") + maker.name;
  }
  if (!found) fail(ErrorKind::device, "device '", name, "' does not exist here, expected one of: auto, ", names);
  std::lock_guard lock(registry().mutex);
  auto& slot = registry().open[found->name];
  DevicePtr device = slot.lock();
  if (!device) {
    device = DevicePtr(new Device(found->name, found->make(), registry().threads), closeDevice);
    slot = device;
  }
  return device;
}

void setThreads(int threads) {
  std::lock_guard lock(registry().mutex);
  registry().threads = threads;
}

int getThreads() {
  std::lock_guard lock(registry().mutex);
  return registry().threads;
}

}  // namespace cnn

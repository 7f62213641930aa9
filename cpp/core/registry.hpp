// The registry of devices: the one place with process-wide state, locked and reference-counted.
#pragma once

#include "device.hpp"

namespace cnn {

struct DeviceInfo {
  std::string name, description;
};

/// All devices of this build, the best first.
std::vector<DeviceInfo> listDevices();
/// The device of that name ('auto': the best), opened when first asked for and closed when its last user lets go.
/// Throws DeviceError with the names that exist.
DevicePtr openDevice(std::string_view name);
/// Threads that the cpu device computes with (0: as many as there are cores); read when the device opens.
void setThreads(int threads);
int getThreads();

}  // namespace cnn

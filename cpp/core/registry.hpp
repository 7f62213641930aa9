// The registry of devices: the one place with process-wide state, locked and reference-counted.
#pragma once

#include "device.hpp"
#include "plugin.hpp"

namespace cnn {

/// All devices of this machine that can be opened, the best first.
std::vector<DeviceInfo> listDevices();
/// The device of that name ('auto': the best; 'cuda': cuda:0), opened when first asked for and closed when its last user
/// lets go. Throws DeviceError with the names that exist, or with what is missing.
DevicePtr openDevice(std::string_view name);
/// How cuda devices compute; open ones prepare their kernels anew. From the environment until it is set.
void setSwitches(const Switches& switches);
Switches getSwitches();
/// Has all queues stop when the process exits, before the libraries that their tasks run in are taken down: exit handlers run in the reverse order of
/// their registration, so it is called whenever such libraries may have registered some. Where a kernel does not end within two seconds, the process ends
/// without the rest of the exit handlers.
void stopQueuesAtExit();
/// Threads that the cpu device computes with (0: as many as there are cores); read when the device opens.
void setThreads(int threads);
int getThreads();
/// Counts Node environments: tensors of one thread are told from those of another by it.
std::uint32_t nextEnvironmentNumber();

}  // namespace cnn

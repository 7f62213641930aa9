// The registry of devices: the one place with process-wide state, locked and reference-counted.
#pragma once

#include "backends/cuda/options.hpp"
#include "core/device.hpp"
#include "core/plugin.hpp"

namespace cnn {

/// All devices of this machine that can be opened, the best first.
std::vector<DeviceInfo> listDevices();
/// The device of that name ('auto': the best; 'cuda': the first GPU that can be used), opened when first asked for and
/// closed when its last user lets go. Throws DeviceError with the names that exist, or with what is missing.
DevicePtr openDevice(std::string_view name);
/// How cuda devices compute; open ones prepare their kernels anew. From the environment until it is set.
void setCudaOptions(const CudaOptions& options);
CudaOptions getCudaOptions();
/// For a process that is about to exit: waits for what runs, two seconds at most, and from then on runs a task only
/// while a thread waits for it, so that nothing runs when exit() takes down the libraries that tasks run in.
void holdQueuesForExit();
/// Threads that the cpu device computes with (0: as many as there are cores); read when the device opens.
void setThreads(int threads);
int getThreads();
/// Counts Node environments: tensors of one thread are told from those of another by it.
std::uint32_t nextEnvironmentNumber();

}  // namespace cnn

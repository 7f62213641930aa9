// The simulated devices: how many, what they are, which one this thread uses, and what error each has fallen into.
#pragma once

#include <driver_types.h>

#include <string>

namespace cudasim {

/// CUDASIM_DEVICES, 1 where it is not set.
int deviceCount();
/// CUDASIM_MEMORY bytes on each device, 8 GiB where it is not set.
std::size_t deviceMemory();
/// CUDASIM_NAME, CUDASIM_CAPABILITY ("9.0", or "7.0,9.0": one device after another).
cudaDeviceProp deviceProperties(int device);

int currentDevice();
void setCurrentDevice(int device);
/// Refuses a device that does not exist.
void requireDevice(int device);

/// The error that work left behind: every later call on the device returns it, as on a real one.
cudaError_t stickyError(int device);
void setStickyError(int device, cudaError_t error);
/// cudaDeviceReset takes it away.
void clearStickyError(int device);

}  // namespace cudasim

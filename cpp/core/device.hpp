// A device: a backend, its queue, its memory and its cache of prepared kernels; and the registry of all devices.
#pragma once

#include <atomic>
#include <string_view>
#include <unordered_map>

#include "allocator.hpp"
#include "queue.hpp"

namespace cnn {

class Device {
 public:
  Device(std::string name, std::unique_ptr<Backend> backend, int threads);
  ~Device();

  const std::string& name() const { return name_; }
  Backend& backend() { return *backend_; }
  Queue& queue() { return *queue_; }
  Allocator& allocator() { return *allocator_; }

  /// The kernel for an op on such inputs, from the cache or prepared now. Throws BackendError where the backend declines.
  KernelPtr kernel(const Op& op, std::span<const TensorDesc> inputs, const Descs& outputs);
  KernelPtr reorder(const TensorDesc& from, const TensorDesc& to);
  std::size_t cachedKernels() const;

 private:
  template <class Make>
  KernelPtr cached(std::string key, Make make);

  std::string name_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Queue> queue_;
  std::unique_ptr<Allocator> allocator_;
  mutable std::mutex kernelMutex_;
  std::unordered_map<std::string, KernelPtr> kernels_;
};

using DevicePtr = std::shared_ptr<Device>;

struct DeviceInfo {
  std::string name, description;
  bool isDefault = false;
};

/// All devices of this build, the best first.
std::vector<DeviceInfo> listDevices();
/// The device of that name ('auto': the best), opened when first asked for and closed when its last user lets go.
/// Throws DeviceError with the names that exist.
DevicePtr openDevice(std::string_view name);
/// Threads that the cpu device computes with: read when it opens.
void setThreads(int threads);
int getThreads();

}  // namespace cnn

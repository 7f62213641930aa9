// A device: a backend, its queue, its memory and its cache of prepared kernels.
#pragma once

#include <set>
#include <string>
#include <unordered_map>

#include "allocator.hpp"
#include "poison.hpp"
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
  Poison& poison() { return poison_; }

  /// The kernel for an op on such inputs, from the cache or prepared now. Throws BackendError where the backend
  /// declines.
  KernelPtr kernel(const Op& op, std::span<const TensorDesc> inputs, const Descs& outputs, const Setting& setting = {});
  KernelPtr reorder(const TensorDesc& from, const TensorDesc& to);
  std::size_t cachedKernels() const;
  /// Whose kernels were prepared so far for each kind of op (see `kindOf`) that has elements: `unary sin float32: own`,
  /// `unary sin float64: fallback`, `argReduce float16: widened`.
  std::vector<std::string> kernelKinds() const;
  /// A number that no other memory of this device has had or will have.
  std::uint64_t nextStorage() { return storages_.fetch_add(1, std::memory_order_relaxed) + 1; }
  /// At least `bytes` of memory for the recorded runs of compiled functions: all share it, since they run one after
  /// another. A greater wish makes a greater one; it lives as long as somebody holds it.
  std::shared_ptr<Lease> sharedArena(std::size_t bytes);
  /// Kernels that are prepared from now on follow these options; those that were are forgotten.
  void configure(const BackendOptions& options);

 private:
  template <class Make>
  KernelPtr cached(const std::string& key, Make make);
  void noteKind(const Op& op, std::span<const TensorDesc> inputs, std::string_view whose);
  static constexpr std::size_t cacheCapacity = 8192;

  std::string name_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Queue> queue_;
  std::unique_ptr<Allocator> allocator_;
  std::atomic<std::uint64_t> storages_{0};
  mutable std::mutex kernelMutex_;
  std::unordered_map<std::string, KernelPtr> kernels_;
  std::set<std::string> kinds_;  // as many as there are ops, functions and types
  std::mutex arenaMutex_;
  std::weak_ptr<Lease> sharedArena_;
  Poison poison_;
};

using DevicePtr = std::shared_ptr<Device>;

}  // namespace cnn

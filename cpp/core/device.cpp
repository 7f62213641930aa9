// A device's kernel cache.
#include "device.hpp"

#include <algorithm>

#include "half.hpp"
#include "ops/key.hpp"
#include "ops/print.hpp"

namespace cnn {

namespace {
void append(std::string& key, const TensorDesc& desc) {
  auto put = [&](auto value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
  put(static_cast<std::uint8_t>(desc.defined ? static_cast<int>(desc.dtype) + 1 : 0));
  put(static_cast<std::uint8_t>(desc.rank()));
  put(desc.layout.id);
  for (Index size : desc.shape) put(size);
}

// Before anything is prepared for a result that there can't be.
void checkFits(const std::string& device, const MemoryFigures& figures, const Op& op,
               std::span<const TensorDesc> inputs, const Descs& outputs) {
  if (figures.limit == 0 || outputs.empty() || outputs[0].plainBytes() <= figures.limit) return;
  Error error(ErrorKind::outOfMemory,
              text("out of memory on ", device, ": ", outputs[0].plainBytes(), " bytes were asked for, ", figures.live,
                   " are live, ", figures.reserved, " reserved, the peak was ", figures.peak, ", the limit is ",
                   figures.limit, " — in ", describe(op, inputs)));
  error.memory = figures;
  error.requested = outputs[0].plainBytes();
  throw error;
}
}  // namespace

Device::Device(std::string name, std::unique_ptr<Backend> backend, int threads)
    : name_(std::move(name)), backend_(std::move(backend)), poison_(!backend_->isHostMemory()) {
  queue_ = std::make_unique<Queue>([this, threads] { backend_->startThread(threads); });
  allocator_ = std::make_unique<Allocator>(*backend_, name_, *queue_);
}

Device::~Device() {
  queue_.reset();  // what its tasks hold goes back to the allocator
  allocator_.reset();
}

template <class Make>
KernelPtr Device::cached(const std::string& key, Make make) {
  {
    std::lock_guard lock(kernelMutex_);
    if (auto found = kernels_.find(key); found != kernels_.end()) return found->second;
  }
  allocator_->countRequest(0);
  KernelPtr kernel = make();
  if (kernel->tune) return kernel;  // there will be a better one
  std::lock_guard lock(kernelMutex_);
  if (kernels_.size() >= cacheCapacity) kernels_.clear();
  return kernels_.try_emplace(key, std::move(kernel)).first->second;
}

KernelPtr Device::kernel(const Op& op, std::span<const TensorDesc> inputs, const Descs& outputs,
                         const Setting& setting) {
  std::string key = keyOf(op);
  key.push_back(static_cast<char>(setting.tolerance));
  key.push_back(static_cast<char>(setting.singleThreaded));
  key.push_back(static_cast<char>(setting.weightsExceedCache));
  key.append(reinterpret_cast<const char*>(&setting.stable), sizeof setting.stable);
  for (const TensorDesc& desc : inputs) append(key, desc);
  return cached(key, [&] {
    checkFits(name_, allocator_->figures(), op, inputs, outputs);
    const Signature signature{inputs, outputs, setting};
    // Where there are no elements it makes no difference whose kernel it is.
    auto isEmpty = [](const TensorDesc& desc) { return desc.defined && desc.elements() == 0; };
    const bool isNoted =
        std::none_of(inputs.begin(), inputs.end(), isEmpty) && std::none_of(outputs.begin(), outputs.end(), isEmpty);
    Prepared prepared = backend_->prepare(op, signature);
    if (!prepared.kernel && involvesHalf(signature)) {
      if (Prepared widened = prepareWidened(*backend_, op, signature); widened.kernel) {
        if (isNoted) noteKind(op, inputs, widened.isFallback ? "widened fallback" : "widened");
        return widened.kernel;
      }
    }
    if (!prepared.kernel) fail(ErrorKind::backend, describe(op, inputs), ": ", name_, " declines: ", prepared.declined);
    if (isNoted) noteKind(op, inputs, prepared.isFallback ? "fallback" : "own");
    return prepared.kernel;
  });
}

void Device::noteKind(const Op& op, std::span<const TensorDesc> inputs, std::string_view whose) {
  std::lock_guard lock(kernelMutex_);
  kinds_.insert(text(kindOf(op, inputs), ": ", whose));
}

std::vector<std::string> Device::kernelKinds() const {
  std::lock_guard lock(kernelMutex_);
  return {kinds_.begin(), kinds_.end()};
}

KernelPtr Device::reorder(const TensorDesc& from, const TensorDesc& to) {
  std::string key = "reorder";
  append(key, from);
  append(key, to);
  return cached(key, [&] {
    KernelPtr kernel = backend_->prepareReorder(from, to);
    if (!kernel && isHalf(from.dtype)) kernel = reorderWidened(*backend_, from, to);
    if (!kernel)
      fail(ErrorKind::backend, name_, " can't reorder ", toString(from), " from layout ", from.layout.id, " to ",
           to.layout.id);
    return kernel;
  });
}

std::shared_ptr<Lease> Device::sharedArena(std::size_t bytes) {
  std::lock_guard lock(arenaMutex_);
  std::shared_ptr<Lease> arena = sharedArena_.lock();
  if (!arena || arena->bytes() < bytes) sharedArena_ = arena = std::make_shared<Lease>(*allocator_, bytes, Users::all);
  return arena;
}

void Device::configure(const BackendOptions& options) {
  backend_->configure(options);
  std::lock_guard lock(kernelMutex_);
  kernels_.clear();
}

std::size_t Device::cachedKernels() const {
  std::lock_guard lock(kernelMutex_);
  return kernels_.size();
}

}  // namespace cnn

// CudaBackend: finds the kernel of each op, owns the device's memory, and brings back what kernels found wrong.
#include "backend.hpp"

#include "capture.hpp"
#include "check.hpp"
#include "code.hpp"
#include "kernels.hpp"
#include "memory.hpp"
#include "ops/properties.hpp"
#include "transfer.hpp"

namespace cnn::cuda {

namespace {

std::string describe(const cudaDeviceProp& properties) {
  int runtime = 0;
  CHECK(cudaRuntimeGetVersion(&runtime));
  std::size_t dnn = cudnnGetVersion(), blas = cublasLtGetVersion();
  return text("cuDNN ", dnn / 10000, ".", dnn / 100 % 100, ".", dnn % 100, ", cuBLASLt ", blas / 10000, ".",
              blas / 100 % 100, ".", blas % 100, ", CUDA ", runtime / 1000, ".", runtime % 1000 / 10, " on ",
              properties.name);
}

// Without a context where the plugin was compiled for this very GPU; making one takes a fraction of a second and
// memory.
std::string whyUnusable(int ordinal, const cudaDeviceProp& properties) {
  if (isBuiltFor(properties)) return "";
  cudaError_t status = cudaSetDevice(ordinal);
  if (status == cudaSuccess) return whyNoCode(properties);
  cudaGetLastError();  // opening the device says it again
  return "";
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(int ordinal, const CudaOptions& options)
      : engine_(ordinal, options), memory_(engine_), transfer_(engine_), mirror_(makePinnedBytes(sizeof(Fault))) {}
  ~CudaBackend() override {
    cudaSetDevice(engine_.ordinal);
    cudaStreamSynchronize(engine_.stream);
  }

  std::string description() const override { return describe(engine_.properties); }

  Prepared prepare(const Op& op, const Signature& signature) override {
    if (expectsFloat(op, signature.inputs)) return {nullptr, "its kernels take this tensor in float32 alone"};
    std::lock_guard lock(engine_.preparing);
    engine_.enter();
    return std::visit(
        [&](const auto& each) -> Prepared {
          if constexpr (requires { cuda::prepare(each, signature, engine_); }) {
            return cuda::prepare(each, signature, engine_);
          } else {  // only compiled functions use it, and they ask before
            return {nullptr, "the cuda backend has no kernel for this fused op"};
          }
        },
        op);
  }

  bool fuses(const Op& op) const override {
    return std::visit(
        []<class O>(const O& each) {
          return requires(const Signature& signature, Engine& engine) { cuda::prepare(each, signature, engine); };
        },
        op);
  }

  KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to) override {
    std::lock_guard lock(engine_.preparing);
    engine_.enter();
    return cuda::prepareReorder(from, to, engine_);
  }

  std::size_t arenaAlignment() const override { return 256; }  // cuBLASLt and cuDNN count on what cudaMalloc gives
  void* allocate(std::size_t bytes) override { return memory_.allocate(bytes); }
  void release(void* memory, std::size_t) noexcept override { memory_.release(memory); }
  void trim() noexcept override { memory_.trim(); }

  bool isHostMemory() const override { return false; }
  void copyFromHost(void* to, const void* from, std::size_t bytes) override { transfer_.upload(to, from, bytes); }

  void copyToHost(void* to, const void* from, std::size_t bytes) override {
    std::lock_guard lock(mirrorMutex_);
    copyFault();
    transfer_.download(to, from, bytes);
    checkFault();
  }

  void finish() override {
    std::scoped_lock lock(mirrorMutex_, engine_.capturing);
    engine_.enter();
    copyFault();
    CHECK(cudaStreamSynchronize(engine_.stream));
    checkFault();
  }

  std::optional<SharedMemory> sharedMemory() override {
    SharedMemory memory;
    if (cudaSetDevice(engine_.ordinal) == cudaSuccess &&
        cudaMemGetInfo(&memory.available, &memory.total) == cudaSuccess)
      return memory;
    cudaGetLastError();
    return std::nullopt;
  }

  // What goes wrong here goes wrong again at the first kernel, where it can be told.
  void startThread(int) override { cudaSetDevice(engine_.ordinal); }

  bool captures() const override { return true; }
  std::unique_ptr<Captured> capture(const std::function<void()>& enqueueAll) override {
    return cuda::capture(engine_, enqueueAll);
  }

  void configure(const BackendOptions& options) override {
    std::lock_guard lock(engine_.preparing);
    engine_.options = static_cast<const CudaOptions&>(options);
  }

 private:
  void copyFault() {
    CHECK(cudaMemcpyAsync(mirror_.get(), engine_.fault, sizeof(Fault), cudaMemcpyDeviceToHost, engine_.stream));
  }

  // Once the copy is there: throws it, so that the next one is seen.
  void checkFault() {
    Fault fault = *static_cast<const Fault*>(mirror_.get());
    if (fault.kind == FaultKind::none) return;
    CHECK(cudaMemsetAsync(engine_.fault, 0, sizeof(Fault), engine_.stream));
    throwFault(fault, engine_.sites);
  }

  Engine engine_;
  Memory memory_;
  Transfer transfer_;
  PinnedBytes mirror_;  // where the device's Fault is read
  std::mutex mirrorMutex_;
};

}  // namespace

std::vector<DeviceInfo> listDevices() {
  int count = 0;
  CHECK(cudaGetDeviceCount(&count));
  std::vector<DeviceInfo> infos;
  for (int i = 0; i < count; i++) {
    cudaDeviceProp properties;
    CHECK(cudaGetDeviceProperties(&properties, i));
    infos.push_back({.name = text("cuda:", i),
                     .description = describe(properties),
                     .product = properties.name,
                     .computeCapability = text(properties.major, ".", properties.minor),
                     .memoryBytes = properties.totalGlobalMem,
                     .multiprocessors = properties.multiProcessorCount,
                     .unusable = whyUnusable(i, properties)});
  }
  return infos;
}

std::unique_ptr<Backend> makeBackend(int ordinal, const BackendOptions& options) {
  return std::make_unique<CudaBackend>(ordinal, static_cast<const CudaOptions&>(options));
}

}  // namespace cnn::cuda

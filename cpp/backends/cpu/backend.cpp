// CpuBackend: finds the kernel of each op and owns aligned memory.
#include "backend.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "base/error.hpp"
#include "thread_pool.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "reorder.hpp"
#ifdef CNN_WITH_ONEDNN
#include "onednn.hpp"
#endif

namespace cnn {

namespace {

// What oneDNN throws where it can't make something, as an Error.
template <class Make>
auto typed(Make make) {
#ifdef CNN_WITH_ONEDNN
  try {
    return make();
  } catch (const dnnl::error& error) { fail(cpu::kindOf(error.status), "oneDNN: ", error.what()); }
#else
  return make();
#endif
}

// Runs another kernel on one thread.
class LoneKernel final : public Kernel {
 public:
  explicit LoneKernel(KernelPtr inner) : inner_(std::move(inner)) {
    inputLayouts = inner_->inputLayouts;
    inPlace = inner_->inPlace;
    outputs = inner_->outputs;
    workspaceBytes = inner_->workspaceBytes;
    optionalOutputs = inner_->optionalOutputs;
    pieces = inner_->pieces;
    if (inner_->tune) {
      tune = [inner = inner_] {
        cpu::ThreadScope scope(1);
        inner->tune();
      };
    }
  }
  void run(const Run& run) const override {
    cpu::ThreadScope scope(1);
    inner_->run(run);
  }

 private:
  KernelPtr inner_;
};

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(PrepareFunction others) : others_(others) {}

  std::string description() const override {
    const int threads = engine_.threads.load();
    if (engine_.usesOneDnn)
      return text(engine_.library(), " and own kernels for level " CNN_CPU_LEVEL ", ", threads, " threads");
#ifdef CNN_WITH_ONEDNN
    return text("own kernels for level " CNN_CPU_LEVEL ", ", threads,
                " threads; oneDNN is left out by NODE_CUDNN_ONEDNN");
#else
    return text(
        "own kernels for level " CNN_CPU_LEVEL ", ", threads,
        " threads; oneDNN was absent when this was built, so convolutions and products are computed without it");
#endif
  }

  Prepared prepare(const Op& op, const Signature& signature) override {
    return typed([&] { return prepareAny(op, signature); });
  }

  bool fuses(const Op& op) const override {
    return std::visit(
        []<class O>(const O& each) {
          return requires(const Signature& signature, cpu::Engine& engine) { cpu::prepare(each, signature, engine); };
        },
        op);
  }

  KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to) override {
    return typed([&] { return cpu::prepareReorder(from, to, engine_); });
  }

  std::size_t bytes(const TensorDesc& desc) const override {
    if (desc.layout.isPlain()) return desc.plainBytes();
    if (engine_.isTransformed(desc.layout))
      return static_cast<std::size_t>(engine_.transformed(desc.layout).elements()) * sizeof(float);
    return static_cast<std::size_t>(cpu::paddedElements(engine_.format(desc), desc.shape)) * sizeOf(desc.dtype);
  }

  std::optional<Layout> layoutOfBatch(const TensorDesc& part, Index batch) override {
    if (part.layout.isPlain()) return part.layout;
    if (engine_.isTransformed(part.layout)) return std::nullopt;
    cpu::Format format = engine_.format(part);
    if (part.shape[0] == 1) format.insert(format.begin(), {0, 0});
    const auto stepsOverBatch =
        std::count_if(format.begin(), format.end(), [](cpu::Step step) { return step.axis == 0; });
    if (format.front() != cpu::Step{0, 0} || stepsOverBatch != 1) return std::nullopt;
    Dims shape = part.shape;
    shape[0] = batch;
    return engine_.layouts.intern(format, shape);
  }
  // Half of what a core complex of today's server processors has as its last level, or what their cores have each.
  std::size_t cacheBytes() const override {
    return std::max(std::size_t{16}, std::size_t{4} * static_cast<std::size_t>(engine_.threads.load())) << 20;
  }

  Index vectorLanes() const override { return 16; }  // AVX-512's; shorter vectors come in multiples

  void* allocate(std::size_t bytes) override { return ::operator new(bytes, alignment, std::nothrow); }
  void release(void* memory, std::size_t) noexcept override { ::operator delete(memory, alignment); }

  void startThread(int threads) override {
    if (threads > 0) engine_.threads = threads;
    cpu::setThreadLimit(engine_.threads);
    pool_.emplace(engine_.threads);
    cpu::ThreadPool::setCurrent(&*pool_);
  }

  int hostThreads() const override { return engine_.threads; }

 private:
  Prepared prepareAny(const Op& op, const Signature& signature) {
    return std::visit(
        [&](const auto& each) -> Prepared {
          if constexpr (requires { cpu::prepare(each, signature, engine_); }) {
            if (signature.setting.singleThreaded) {
              cpu::ThreadScope scope(1);
              if (KernelPtr kernel = cpu::prepare(each, signature, engine_))
                return {std::make_shared<LoneKernel>(kernel), ""};
            } else if (KernelPtr kernel = cpu::prepare(each, signature, engine_)) {
              return {kernel, ""};
            }
          }
          Prepared other = others_(op, signature);
          other.isFallback = true;
          return other;
        },
        op);
  }

  static constexpr std::align_val_t alignment{64};
  const PrepareFunction others_;
  cpu::Engine engine_{cpu::threadLimit()};  // OMP_NUM_THREADS, or the number of cores
  std::optional<cpu::ThreadPool> pool_;     // the queue's thread and its helpers
};

}  // namespace

std::unique_ptr<Backend> makeCpuBackend(PrepareFunction others) { return std::make_unique<CpuBackend>(others); }

}  // namespace cnn

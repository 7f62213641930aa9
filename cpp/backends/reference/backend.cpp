// ReferenceBackend: every op has a kernel, every layout is plain, memory comes from the C library.
#include "backend.hpp"

#include <cstdlib>

#include "base/error.hpp"
#include "core/half.hpp"
#include "loops.hpp"

namespace cnn {
namespace {

constexpr std::size_t alignment = 64;

class ReferenceBackend final : public Backend {
 public:
  std::string description() const override { return "plain loops, one thread"; }

  Prepared prepare(const Op& op, const Signature& signature) override { return prepareReference(op, signature); }

  bool fuses(const Op&) const override { return true; }

  KernelPtr prepareReorder(const TensorDesc& from, const TensorDesc& to) override {
    if (!from.layout.isPlain() || !to.layout.isPlain()) {
      fail(ErrorKind::backend, "reorder: layout ", from.layout.id, " to ", to.layout.id,
           ", expected plain layouts (0)");
    }
    Descs outputs = {to};
    return makeKernel({{&from, 1}, outputs}, [bytes = to.plainBytes()](const Run& run) {
      reference::copyBytes(run.out<void>(0), run.in<void>(0), bytes);
    });
  }

  void* allocate(std::size_t bytes) override {
    if (bytes > std::numeric_limits<std::size_t>::max() - alignment) return nullptr;
    std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    return std::aligned_alloc(alignment, rounded);
  }
  void release(void* memory, std::size_t) noexcept override { std::free(memory); }
};

}  // namespace

Prepared prepareReference(const Op& op, const Signature& signature) {
  if (needsWidening(op, signature)) return {nullptr, "the plain loops compute in float32 and float64"};
  return {std::visit([&](const auto& each) { return reference::prepare(each, signature); }, op), {}};
}

std::unique_ptr<Backend> makeReferenceBackend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace cnn

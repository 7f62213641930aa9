// capture PLUGIN: opens the CUDA plugin without Node, records a sequence of kernels and replays it on other data. Prints what went
// wrong, a line each; 0 if nothing did.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "backends/cuda/layout.hpp"
#include "control.h"
#include "core/plugin.hpp"

namespace {

using namespace cnn;

int failures = 0;

void expect(bool isTrue, const char* what) {
  if (isTrue) return;
  std::printf("not so: %s\n", what);
  failures++;
}
#define EXPECT(condition) expect(condition, #condition)

/// Memory of the backend.
class Memory {
 public:
  Memory(Backend& backend, std::size_t bytes) : backend_(backend), bytes_(bytes), data_(bytes ? backend.allocate(bytes) : nullptr) {}
  ~Memory() {
    if (data_) backend_.release(data_, bytes_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  void* get() const { return data_; }

 private:
  Backend& backend_;
  std::size_t bytes_;
  void* data_;
};

KernelPtr prepared(Backend& backend, const Op& op, const Descs& inputs, const Descs& outputs) {
  Prepared result = backend.prepare(op, {inputs, outputs});
  if (!result.kernel) std::printf("declined: %s\n", result.declined.c_str());
  EXPECT(result.kernel != nullptr);
  if (!result.kernel) std::exit(1);
  return result.kernel;
}

std::vector<float> read(Backend& backend, const Memory& memory, std::size_t count) {
  std::vector<float> values(count);
  backend.copyToHost(values.data(), memory.get(), count * sizeof(float));
  return values;
}

// x → 3×3 convolution → ReLU, on a device of its own
void replayOnOtherData(const Plugin& plugin) {
  std::unique_ptr<Backend> backend = plugin.open(0, Switches{});
  backend->startThread(0);
  const TensorDesc x(DType::float32, {1, 2, 4, 4}, cuda::channelsLast), weight(DType::float32, {2, 2, 3, 3}, cuda::channelsLast), none;
  const Op conv = Conv{.stride = {1, 1}, .padding = {1, 1}, .paddingEnd = {1, 1}, .dilation = {1, 1}}, relu = Unary{.function = UnaryFunction::relu};
  const Descs outputs = {TensorDesc(DType::float32, {1, 2, 4, 4})};
  KernelPtr first = prepared(*backend, conv, {x, weight, none}, outputs), second = prepared(*backend, relu, first->outputs, outputs);
  Memory xData(*backend, 32 * 4), weightData(*backend, 36 * 4), middle(*backend, 32 * 4), y(*backend, 32 * 4);
  Memory workspace(*backend, std::max(first->workspaceBytes, second->workspaceBytes));
  std::vector<float> ones(32, 1.0f), twos(32, -2.0f), weights(36, 0.5f);
  backend->copyFromHost(weightData.get(), weights.data(), 36 * 4);
  backend->copyFromHost(xData.get(), ones.data(), 32 * 4);
  auto runBoth = [&] {
    void *convIn[] = {xData.get(), weightData.get(), nullptr}, *convOut[] = {middle.get()}, *reluOut[] = {y.get()};
    first->run({conv, convIn, convOut, workspace.get()});
    second->run({relu, convOut, reluOut, workspace.get()});
  };
  runBoth();
  std::vector<float> plain = read(*backend, y, 32);
  EXPECT(plain[0] == 4);        // a corner: 2×2 places, 2 channels, 0.5 each
  EXPECT(plain[2 * 5] == 9);    // the middle

  std::unique_ptr<Captured> captured = backend->capture(runBoth);
  EXPECT(captured != nullptr);
  std::vector<float> halves(32, 0.5f);
  backend->copyFromHost(xData.get(), halves.data(), 32 * 4);
  EXPECT(read(*backend, y, 32)[0] == 4);  // recording ran nothing
  captured->replay();
  EXPECT(read(*backend, y, 32)[0] == 2);
  backend->copyFromHost(xData.get(), twos.data(), 32 * 4);
  for (int i = 0; i < 3; i++) captured->replay();
  EXPECT(read(*backend, y, 32)[0] == 0);  // ReLU of a negative sum

  // what throws while it is recorded leaves the stream as it was
  bool hasThrown = false;
  try {
    backend->capture([&] {
      runBoth();
      throw std::runtime_error("stop");
    });
  } catch (const std::runtime_error&) {
    hasThrown = true;
  }
  EXPECT(hasThrown);
  backend->copyFromHost(xData.get(), ones.data(), 32 * 4);
  runBoth();
  EXPECT(read(*backend, y, 32) == plain);
  backend->finish();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: capture PLUGIN\n");
    return 2;
  }
  void* library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::printf("%s\n", dlerror());
    return 1;
  }
  auto open = reinterpret_cast<cnn::PluginFunction>(dlsym(library, cnn::pluginSymbol));
  replayOnOtherData(*open());
  if (cudasim_violations() > 0 || cudasim_alive("") > 0) {
    std::printf("%s\n", cudasim_report());
    failures++;
  }
  return failures > 0 ? 1 : 0;
}

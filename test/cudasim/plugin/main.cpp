// capture PLUGIN: opens the CUDA plugin without Node, records a sequence of kernels and replays it on other data, and
// asks for kernels of more elements than cuDNN can count. Prints what went wrong, a line each; 0 if nothing did.
#include <dlfcn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>

#include "backends/cuda/options.hpp"
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
  Memory(Backend& backend, std::size_t bytes)
      : backend_(backend), bytes_(bytes), data_(bytes ? backend.allocate(bytes) : nullptr) {}
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
  std::unique_ptr<Backend> backend = plugin.open(0, CudaOptions{});
  backend->startThread(0);
  const TensorDesc x(DType::float32, {1, 2, 4, 4}, cuda::channelsLast),
      weight(DType::float32, {2, 2, 3, 3}, cuda::channelsLast), none;
  const Op conv = Conv{.stride = {1, 1}, .padding = {1, 1}, .paddingEnd = {1, 1}, .dilation = {1, 1}},
           relu = Unary{.function = UnaryFunction::relu};
  const Descs outputs = {TensorDesc(DType::float32, {1, 2, 4, 4})};
  KernelPtr first = prepared(*backend, conv, {x, weight, none}, outputs),
            second = prepared(*backend, relu, first->outputs, outputs);
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
  EXPECT(plain[0] == 4);      // a corner: 2×2 places, 2 channels, 0.5 each
  EXPECT(plain[2 * 5] == 9);  // the middle

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

  // what other threads ask of the GPU meanwhile waits until the recording is over, and is no part of it
  auto captureBeside = [&](const std::function<void()>& ask) {
    std::future<void> other;
    bool isDone = false;
    std::unique_ptr<Captured> beside;
    try {
      beside = backend->capture([&] {
        runBoth();
        other = std::async(std::launch::async, ask);
        isDone = other.wait_for(std::chrono::milliseconds(200)) == std::future_status::ready;
        runBoth();
      });
      other.get();
      beside->replay();
    } catch (const std::exception& error) {
      std::printf("%s\n", error.what());
      failures++;
    }
    EXPECT(!isDone);
    EXPECT(read(*backend, y, 32)[0] == 0);
  };
  captureBeside([&] { backend->finish(); });
  captureBeside([&] { captured.reset(); });
  std::unique_ptr<Backend> sibling =
      plugin.open(0, CudaOptions{});  // the same GPU, opened anew while its last use is not over
  captureBeside([&] { sibling.reset(); });

  // what throws while it is recorded leaves the stream as it was
  bool hasThrown = false;
  try {
    backend->capture([&] {
      runBoth();
      throw std::runtime_error("stop");
    });
  } catch (const std::runtime_error&) { hasThrown = true; }
  EXPECT(hasThrown);
  backend->copyFromHost(xData.get(), ones.data(), 32 * 4);
  runBoth();
  EXPECT(read(*backend, y, 32) == plain);
  backend->finish();
}

// Where cuDNN counts elements in 32 bits: no memory is needed to see what is decided.
void largeConvolutions(const Plugin& plugin) {
  setenv("CUDASIM_MOST_ELEMENTS", "2147483647", 1);
  std::unique_ptr<Backend> backend = plugin.open(0, CudaOptions{});
  auto ask = [&](Index samples, Index side, DType dtype) {
    const TensorDesc x(dtype, {samples, 1, side, side}), weight(dtype, {1, 1, 3, 3}), none;
    const Op conv = Conv{.stride = {1, 1}, .padding = {1, 1}, .paddingEnd = {1, 1}, .dilation = {1, 1}};
    const Op data = ConvBackwardData{
        .stride = {1, 1}, .padding = {1, 1}, .paddingEnd = {1, 1}, .dilation = {1, 1}, .inputSize = {side, side}};
    const Op gradient = ConvBackwardWeight{.stride = {1, 1},
                                           .padding = {1, 1},
                                           .paddingEnd = {1, 1},
                                           .dilation = {1, 1},
                                           .kernelSize = {3, 3},
                                           .bias = false};
    std::vector<std::string> answers;
    auto answer = [&](const Op& op, const Descs& inputs, const Descs& outputs) {
      Prepared prepared = backend->prepare(op, {inputs, outputs});
      answers.push_back(prepared.kernel ? "" : prepared.declined);
    };
    answer(conv, {x, weight, none}, {x});
    answer(data, {x, weight, none}, {x});
    answer(gradient, {x, x}, {weight});
    return answers;
  };
  for (const std::string& declined : ask(3, 32768, DType::float32)) EXPECT(declined.empty());  // a sample at a time
  for (const std::string& declined : ask(1, 46341, DType::float32)) {
    EXPECT(declined.find(
               "with 2147488281 elements it is too large for the direct kernels; take a smaller batch or image") !=
           std::string::npos);
  }
  unsetenv("CUDASIM_MOST_ELEMENTS");
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
  largeConvolutions(*open());
  if (cudasim_violations() > 0 || cudasim_alive("") > 0) {
    std::printf("%s\n", cudasim_report());
    failures++;
  }
  return failures > 0 ? 1 : 0;
}

// Whether the oneDNN that CMake found compiles, links and works: one convolution is described with the calls that
// differ between versions. What is wrong is the last thing that it prints.
#include <cstdio>
#include <exception>

#include "backends/cpu/onednn_api.hpp"

int main() {
  const dnnl_version_t* version = dnnl_version();
  if (version->major != DNNL_VERSION_MAJOR || version->minor != DNNL_VERSION_MINOR) {
    std::printf("its library is of version %d.%d.%d", version->major, version->minor, version->patch);
    return 1;
  }
  try {
    using namespace cnn::cpu;
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    const dnnl::stream stream(engine);
    const auto type = dnnl::memory::data_type::f32;
    const MemoryDesc x({1, 16, 8, 8}, type, dnnl::memory::format_tag::any),
        weight({16, 16, 3, 3}, type, dnnl::memory::format_tag::any);
    const DnnlDims ones{1, 1}, zeros{0, 0};
    const auto desc = describeForward(engine, x, weight, {}, x, {ones, zeros, ones, ones}, {});
    if (desc && formatOf(desc.src_desc())) return 0;
    std::printf("it describes no convolution");
  } catch (const std::exception& error) { std::printf("it failed: %s", error.what()); }
  return 1;
}

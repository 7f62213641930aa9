// Levels, by what the processor says of itself and what was built.
#include "cpu_plugin.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "shared_library.hpp"

namespace cnn {

namespace {

struct Level {
  const char* name;
  const char* needs;  // beyond the level below
  bool (*isPresent)();
};

// The best first. The compiler's question asks the operating system, too, whether it saves such registers. It knows
// more names in newer compilers; every processor with AVX2, FMA and BMI2 has the rest of x86-64-v3.
constexpr Level levels[] = {
#if defined(__x86_64__)
    {"v4bf16", "AVX-512 with bfloat16",
     [] {
       return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
              __builtin_cpu_supports("avx512vl");
     }},
    {"v4", "AVX-512",
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
     }},
    {"v3", "AVX2 and FMA",
     [] {
       return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
              __builtin_cpu_supports("bmi2");
     }},
    {"v2", "SSE4.2",
     [] {
       return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt");
     }},
#elif defined(__aarch64__)
    {"armv8", "NEON", [] { return true; }},
#else
    {"generic", "nothing", [] { return true; }},
#endif
};

std::filesystem::path fileOf(const Level& level) { return addonFolder() / text("node_cudnn_cpu_", level.name, ".so"); }

bool isBuilt(const Level& level) {
  std::error_code ignored;
  return std::filesystem::exists(fileOf(level), ignored);
}

template <class Condition>
std::string names(Condition isWanted) {
  std::string list;
  for (const Level& level : levels) {
    if (isWanted(level)) list += (list.empty() ? "" : ", ") + std::string(level.name);
  }
  return list;
}

// Each level holds those that follow: a processor has them all from its best on.
bool isHere(const Level& level) {
  for (const Level* each = &level; each != std::end(levels); each++) {
    if (!each->isPresent()) return false;
  }
  return true;
}

constexpr const char* variable = "NODE_CUDNN_CPU_LEVEL";

const Level& named(std::string_view name) {
  for (const Level& level : levels) {
    if (name != level.name) continue;
    if (!isHere(level))
      fail(ErrorKind::device, variable, " is '", name, "', but this processor lacks ", level.needs,
           ", expected one of: ", names([](const Level& each) { return isHere(each) && isBuilt(each); }));
    if (!isBuilt(level))
      fail(ErrorKind::device, variable, " is '", name, "', but ", fileOf(level).string(), " does not exist");
    return level;
  }
  fail(ErrorKind::value, variable, " is '", name, "', expected one of: ", names([](const Level&) { return true; }));
}

const Level& chosen() {
  if (const char* name = std::getenv(variable); name && *name) return named(name);
  for (const Level& level : levels) {
    if (isHere(level) && isBuilt(level)) return level;
  }
  if (names(isHere).empty())
    fail(ErrorKind::device, "device 'cpu' can't be used: this processor lacks ", std::end(levels)[-1].needs);
  fail(ErrorKind::device, "device 'cpu' can't be used: it is not built for this processor (none of the levels ",
       names(isHere), " is in ", addonFolder().string(), ")");
}

// It stays open for good: kernels, threads and exit handlers hold on to it.
const CpuPlugin* load() {
  std::filesystem::path file = fileOf(chosen());
  // What oneDNN calls is looked up when it is first called, which takes a millisecond less; what the plugin calls is
  // looked up now (-z now).
  void* library = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!library)
    fail(ErrorKind::device, "device 'cpu' can't be used: ", whyNotLoaded(dlerror()),
         "; build the addon again, or use device 'reference'");
  auto function = reinterpret_cast<CpuPluginFunction>(dlsym(library, cpuPluginSymbol));
  const CpuPlugin* plugin = function ? function() : nullptr;
  if (!plugin || std::string_view(plugin->interface) != CNN_INTERFACE) {
    fail(ErrorKind::device, "device 'cpu' can't be used: ", file.string(),
         " belongs to another build of the addon, build both again");
  }
  return plugin;
}

}  // namespace

std::vector<std::string> cpuLevels() {
  std::vector<std::string> list;
  for (const Level& level : levels) {
    if (isHere(level) && isBuilt(level)) list.emplace_back(level.name);
  }
  return list;
}

std::unique_ptr<Backend> openCpu(PrepareFunction others) {
  static const CpuPlugin* const plugin = load();
  return plugin->open(others);
}

}  // namespace cnn

// Finds the plugin beside the addon, asks the probe what it would find, and opens it.
#include "plugin.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "cuda_folder.hpp"
#include "shared_library.hpp"

extern char** environ;

namespace cnn {

namespace {

#if defined(__aarch64__)
constexpr const char* cudaPackages = "@node-cudnn/linux-arm64-cuda13";
#else
constexpr const char* cudaPackages = "@node-cudnn/linux-x64-cuda13 (or -cuda12)";
#endif

// A driver may take long to start on a machine with many devices.
int probeSeconds() {
  const char* given = std::getenv("NODE_CUDNN_PROBE_SECONDS");
  int seconds = given ? std::atoi(given) : 0;
  return seconds > 0 ? seconds : 60;
}

/// Where plugins may lie. Of the process, as devices are; given before anyone looks.
struct Plugins {
  std::mutex mutex;
  std::vector<std::filesystem::path> files;
};
Plugins& plugins() {
  static Plugins instance;
  return instance;
}

/// NODE_CUDNN_PLUGIN, or those that were given, or node_cudnn_cuda.so in the addon's folder.
std::vector<std::filesystem::path> pluginFiles() {
  if (const char* named = std::getenv("NODE_CUDNN_PLUGIN")) return {named};
  std::lock_guard lock(plugins().mutex);
  if (plugins().files.empty()) return {addonFolder() / "node_cudnn_cuda.so"};
  return plugins().files;
}

struct ProbeOutput {
  std::string text;
  std::string failure;  // empty: it ended as it should
};

#ifdef __linux__

class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) fail(ErrorKind::device, "a pipe could not be made");
  }
  ~Pipe() {
    close(ends_[0]);
    closeWriter();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void closeWriter() {
    if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
  }

 private:
  int ends_[2] = {-1, -1};
};

// Reads until the other side closes; false where that takes too long.
bool readAll(int file, std::string& text, int seconds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  char buffer[4096];
  while (true) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd waiting{file, POLLIN, 0};
    int ready = poll(&waiting, 1, static_cast<int>(std::max<long long>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    ssize_t count = read(file, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

constexpr std::string_view searchPath = "LD_LIBRARY_PATH=";

// The folders in which this process's loader searches: as they were when it started, whatever the program has set
// since.
std::optional<std::string> searchPathAtStart() {
  std::ifstream file("/proc/self/environ", std::ios::binary);
  if (const char* now = std::getenv("LD_LIBRARY_PATH"); now && !file)
    return std::string(searchPath) + now;  // a system that does not tell
  for (std::string entry; std::getline(file, entry, '\0');) {
    if (entry.starts_with(searchPath)) return entry;
  }
  return std::nullopt;
}

// What a child shall have: it finds the libraries that this process would find.
std::vector<std::string> environmentOfProbe() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry; entry++) {
    if (!std::string_view(*entry).starts_with(searchPath)) entries.emplace_back(*entry);
  }
  if (auto path = searchPathAtStart()) entries.push_back(*path);
  return entries;
}

// A variable that was set too late is a common reason why a library was not found.
std::string hintOfSearchPath() {
  const char* now = std::getenv("LD_LIBRARY_PATH");
  if (!now || searchPathAtStart() == std::string(searchPath) + now) return "";
  return " (LD_LIBRARY_PATH was set in this process, after its start: the loader does not look at it any more; set it "
         "before, or use NODE_CUDNN_CUDA_DIR)";
}

ProbeOutput runProbe(const std::filesystem::path& probe, const std::filesystem::path& plugin) {
  Pipe pipe;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe.writer(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::string program = probe.string(), file = plugin.string(), interface = CNN_INTERFACE;
  char* arguments[] = {program.data(), file.data(), interface.data(), nullptr};
  std::vector<std::string> entries = environmentOfProbe();
  std::vector<char*> environment;
  for (std::string& entry : entries) environment.push_back(entry.data());
  environment.push_back(nullptr);
  pid_t child = 0;
  int status = posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (status != 0) return {"", text(program, " could not be started: ", std::strerror(status))};
  pipe.closeWriter();

  ProbeOutput output;
  int seconds = probeSeconds();
  bool isDone = readAll(pipe.reader(), output.text, seconds);
  if (!isDone) kill(child, SIGKILL);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!isDone) {
    output.failure = text("the CUDA driver did not answer within ", seconds, " s");
  } else if (WIFSIGNALED(status)) {
    output.failure = text("looking for CUDA devices ended with signal ", WTERMSIG(status), " (",
                          strsignal(WTERMSIG(status)), "), as a broken driver makes it");
  } else if (WEXITSTATUS(status) != 0) {
    output.failure = text("looking for CUDA devices ended with status ", WEXITSTATUS(status));
  }
  return output;
}

#else

std::string hintOfSearchPath() { return ""; }

ProbeOutput runProbe(const std::filesystem::path&, const std::filesystem::path&) {
  return {"", "CUDA devices exist on Linux only"};
}

#endif

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    std::size_t end = std::min(text.find(separator, start), text.size());
    parts.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

// A line a device, its members between tabs, or `missing` and the reason; before them `libraries` and the folder that
// it took (cpp/backends/cuda/probe.cpp writes them). The last member of a device is why it can't be used.
CudaStatus parse(const std::string& output) {
  CudaStatus status;
  for (const std::string& line : split(output, '\n')) {
    auto words = split(line, '\t');
    if (words[0] == "missing" && words.size() == 2) status.missing = words[1];
    if (words[0] == "libraries" && words.size() == 3) {
      status.libraries = words[1];
      status.cuda = std::atoi(words[2].c_str());
    }
    if (words[0] != "device" || words.size() != 9) continue;
    auto& list = words[8].empty() ? status.devices : status.unusable;
    list.push_back({.name = words[1],
                    .description = words[2],
                    .product = words[3],
                    .computeCapability = words[4],
                    .memoryBytes = std::strtoull(words[5].c_str(), nullptr, 10),
                    .multiprocessors = std::atoi(words[6].c_str()),
                    .warning = words[7],
                    .unusable = words[8]});
  }
  if (!status.missing.empty()) status.devices.clear();
  std::string unusable;
  for (const DeviceInfo& device : status.unusable)
    unusable += text(unusable.empty() ? "" : "; ", device.name, ": ", device.unusable);
  if (!status.devices.empty()) {
    std::string& warning = status.devices[0].warning;
    if (!unusable.empty()) warning += text(warning.empty() ? "" : "; ", "not used: ", unusable);
  } else if (status.missing.empty()) {
    status.missing = unusable.empty() ? "looking for CUDA devices gave no answer" : unusable;
  }
  return status;
}

CudaStatus missing(std::string why) {
  CudaStatus status;
  status.missing = std::move(why);
  return status;
}

CudaStatus look(const std::filesystem::path& plugin) {
  std::filesystem::path probe = plugin.parent_path() / "node_cudnn_probe";
  std::error_code ignored;
  for (const auto& file : {plugin, probe}) {
    if (!std::filesystem::exists(file, ignored)) {
      return missing(text("the CUDA plugin is not built (", file.string(), " does not exist); install ", cudaPackages,
                          ", or build it where CUDA 12 or 13 and cuDNN 9 are installed"));
    }
  }
  ProbeOutput output = runProbe(probe, plugin);
  CudaStatus status = output.failure.empty() ? parse(output.text) : missing(output.failure);
  if (status.missing.find(" was not found") != std::string::npos) status.missing += hintOfSearchPath();
  status.plugin = plugin;
  return status;
}

// The first plugin that sees devices; else what each of them lacks.
CudaStatus look() {
  const char* cpuOnly = std::getenv("NODE_CUDNN_CPU_ONLY");
  if (cpuOnly && *cpuOnly && std::string_view(cpuOnly) != "0") return missing(text("NODE_CUDNN_CPU_ONLY is ", cpuOnly));
  std::vector<std::string> reasons;
  std::vector<DeviceInfo> unusable;
  for (const auto& file : pluginFiles()) {
    CudaStatus status = look(file);
    if (status.missing.empty()) return status;
    if (unusable.empty()) unusable = std::move(status.unusable);
    if (std::find(reasons.begin(), reasons.end(), status.missing) == reasons.end()) reasons.push_back(status.missing);
  }
  std::string all;
  for (const std::string& reason : reasons) all += (all.empty() ? "" : "; ") + reason;
  CudaStatus none = missing(all);
  none.unusable = std::move(unusable);
  return none;
}

// It stays open for good: CUDA's libraries do not like to be unloaded.
const Plugin* load() {
  if (!cudaStatus().libraries.empty()) openCudaFolder(cudaStatus().libraries, cudaStatus().cuda);
  const std::filesystem::path& file = cudaStatus().plugin;
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(ErrorKind::device, "the CUDA plugin can't be opened: ", whyNotLoaded(dlerror()));
  auto function = reinterpret_cast<PluginFunction>(dlsym(library, pluginSymbol));
  const Plugin* plugin = function ? function() : nullptr;
  if (!plugin || std::string_view(plugin->interface) != CNN_INTERFACE) {
    fail(ErrorKind::device, "the CUDA plugin ", file.string(),
         " belongs to another build of the addon, build both again");
  }
  return plugin;
}

}  // namespace

void setCudaPlugins(std::vector<std::filesystem::path> files) {
  std::lock_guard lock(plugins().mutex);
  plugins().files = std::move(files);
}

const CudaStatus& cudaStatus() {
  static const CudaStatus status = look();
  return status;
}

std::unique_ptr<Backend> openCuda(int ordinal, const BackendOptions& options) {
  if (!cudaStatus().missing.empty()) fail(ErrorKind::device, "no cuda device can be used: ", cudaStatus().missing);
  static const Plugin* const plugin = load();
  return plugin->open(ordinal, options);
}

}  // namespace cnn

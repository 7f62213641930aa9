// Reading all choices once, and appending one line each.
#include "choices.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cnn::cpu {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// A machine has hundreds of choices at most; a longer file is something else.
constexpr off_t maxBytes = 1 << 20;

/// An open regular file of bounded size. Anything else (a FIFO, which would wait for its other end, or a device) is not
/// opened or closed at once.
class RegularFile {
 public:
  RegularFile(const std::string& name, int flags) {
    std::error_code ignored;
    auto status = std::filesystem::status(name, ignored);  // opening some devices does something already
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return;
    descriptor_ = ::open(name.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    struct stat opened;
    if (descriptor_ >= 0 &&
        (::fstat(descriptor_, &opened) != 0 || !S_ISREG(opened.st_mode) || opened.st_size > maxBytes))
      close();
  }
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;
  ~RegularFile() { close(); }

  /// What it holds; nothing where it could not be opened or read.
  std::string read() const {
    std::string text(descriptor_ < 0 ? 0 : maxBytes, '\0');
    std::size_t length = 0;
    while (length < text.size()) {
      ssize_t count = ::read(descriptor_, text.data() + length, text.size() - length);
      if (count <= 0) break;
      length += static_cast<std::size_t>(count);
    }
    text.resize(length);
    return text;
  }

  /// One call: processes that append at once don't mix their lines. What can't be written is done without.
  void write(const std::string& text) const {
    if (descriptor_ < 0) return;
    [[maybe_unused]] ssize_t written = ::write(descriptor_, text.data(), text.size());
  }

 private:
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }
  int descriptor_ = -1;
};

}  // namespace

std::string Choices::defaultFile() {
  if (std::getenv("NODE_CUDNN_CHOICES")) return variable("NODE_CUDNN_CHOICES");
  std::string cache = variable("XDG_CACHE_HOME"), home = variable("HOME");
  if (cache.empty() && home.empty()) return "";
  return (cache.empty() ? home + "/.cache" : cache) + "/node-cudnn/choices";
}

void Choices::read() {
  if (isRead_) return;
  isRead_ = true;
  if (file_.empty()) return;
  std::istringstream in(RegularFile(file_, O_RDONLY).read());
  for (std::string line; std::getline(in, line);) {
    std::size_t tab = line.rfind('\t');
    if (tab == std::string::npos || tab + 2 != line.size() || line[tab + 1] < '0' || line[tab + 1] > '9')
      continue;  // cut off, or not ours
    known_.try_emplace(line.substr(0, tab), line[tab + 1] - '0');
  }
}

std::optional<int> Choices::find(const std::string& key) {
  std::lock_guard lock(mutex_);
  read();
  auto found = known_.find(key);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void Choices::keep(const std::string& key, int choice) {
  std::lock_guard lock(mutex_);
  known_.insert_or_assign(key, choice);
  if (file_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(file_).parent_path(), ignored);
  RegularFile(file_, O_WRONLY | O_APPEND | O_CREAT).write(key + '\t' + std::to_string(choice) + '\n');
}

std::string processorName() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    // 64-bit Arm has numbers instead of a name
    for (const char* key : {"model name", "CPU part"}) {
      if (line.starts_with(key)) return line.substr(line.find(':') + 2) + ", level " CNN_CPU_LEVEL;
    }
  }
  return "unknown processor, level " CNN_CPU_LEVEL;
}

}  // namespace cnn::cpu

// Reading all choices once, and appending one line each.
#include "choices.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cnn::cpu {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

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
  std::ifstream in(file_);
  for (std::string line; std::getline(in, line);) {
    std::size_t tab = line.rfind('\t');
    if (tab == std::string::npos || tab + 2 != line.size() || line[tab + 1] < '0' || line[tab + 1] > '9') continue;  // cut off, or not ours
    known_.try_emplace(line.substr(0, tab), line[tab + 1] - '0');
  }
}

std::optional<int> Choices::find(const std::string& key) {
  std::lock_guard lock(mutex_);
  read();
  auto found = known_.find(key);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

// One write of less than a page, at the end: processes that do so at once don't mix their lines.
void Choices::keep(const std::string& key, int choice) {
  std::lock_guard lock(mutex_);
  known_.insert_or_assign(key, choice);
  if (file_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(file_).parent_path(), ignored);
  std::ofstream(file_, std::ios::app) << key << '\t' << choice << '\n';
}

std::string processorName() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace cnn::cpu

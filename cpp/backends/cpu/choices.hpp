// Choices: what was found faster by timing, kept in a file of the user's cache folder so that a machine measures once
// and then gives the same digits.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace cnn::cpu {

/// Lines `key<tab>number`, the number one digit. What is no regular file, is longer than a megabyte, or can't be read
/// or written is done without.
class Choices {
 public:
  /// NODE_CUDNN_CHOICES, or node-cudnn/choices in the user's cache folder; an empty one keeps choices for this process
  /// alone.
  static std::string defaultFile();

  explicit Choices(std::string file = defaultFile()) : file_(std::move(file)) {}
  std::optional<int> find(const std::string& key);
  void keep(const std::string& key, int choice);

 private:
  void read();

  std::string file_;
  std::mutex mutex_;
  std::map<std::string, int> known_;
  bool isRead_ = false;
};

/// The processor's name and the level of instructions that this is compiled for, which a choice belongs to.
std::string processorName();

}  // namespace cnn::cpu

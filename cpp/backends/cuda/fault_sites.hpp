// FaultSites: the kernels that may report a fault, by number, with the op that each runs as text: all that is left of
// it by the time that the host reads the fault.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "fault.hpp"

namespace cnn::cuda {

/// From any thread.
class FaultSites {
 public:
  /// A kernel's number. Its text goes with it.
  class Site;
  std::shared_ptr<const Site> add(std::string text);
  /// Empty where the kernel is gone.
  std::string at(int number) const;

 private:
  struct Texts {
    std::mutex mutex;
    std::map<int, std::string> byNumber;
    int next = 1;
  };
  std::shared_ptr<Texts> texts_ = std::make_shared<Texts>();
};

class FaultSites::Site {
 public:
  Site(std::shared_ptr<Texts> texts, std::string text);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  int number() const { return number_; }

 private:
  std::shared_ptr<Texts> texts_;
  int number_;
};

/// Throws the ValueError of the reference backend's wording; nothing for `none`.
void throwFault(const Fault& fault, const FaultSites& sites);

}  // namespace cnn::cuda

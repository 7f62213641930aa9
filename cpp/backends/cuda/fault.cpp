// Who reports, and the words of a Fault: the reference backend's.
#include "fault_sites.hpp"

#include "base/error.hpp"

namespace cnn::cuda {

FaultSites::Site::Site(std::shared_ptr<Texts> texts, std::string text) : texts_(std::move(texts)) {
  std::lock_guard lock(texts_->mutex);
  number_ = texts_->next++;
  texts_->byNumber.emplace(number_, std::move(text));
}

FaultSites::Site::~Site() {
  std::lock_guard lock(texts_->mutex);
  texts_->byNumber.erase(number_);
}

std::shared_ptr<const FaultSites::Site> FaultSites::add(std::string text) {
  return std::make_shared<const Site>(texts_, std::move(text));
}

std::string FaultSites::at(int number) const {
  std::lock_guard lock(texts_->mutex);
  auto found = texts_->byNumber.find(number);
  return found == texts_->byNumber.end() ? "" : found->second;
}

void throwFault(const Fault& fault, const FaultSites& sites) {
  std::string op = sites.at(fault.site), where = op.empty() ? "" : " — in " + op;
  auto index = [&](const char* name, const auto&... bound) {
    fail(ErrorKind::value, name, ": index ", fault.value, " is out of range for ", bound..., where);
  };
  auto target = [&](const char* name) {
    fail(ErrorKind::value, name, ": target ", fault.value, " at position ", fault.place, " is out of range for ",
         fault.bound, " classes", where);
  };
  auto along = [&](const char* name) { index(name, "axis ", fault.place, " of size ", fault.bound); };
  auto inPlane = [&](const char* name) { index(name, "a plane of ", fault.bound); };
  auto beyondInt32 = [&](const char* name) {
    fail(ErrorKind::value, name, ": the result is beyond int32; cast x to float64 first", where);
  };
  switch (fault.kind) {
    case FaultKind::none: return;
    case FaultKind::nllLoss: target("nllLoss"); break;
    case FaultKind::nllLossBackward: target("nllLossBackward"); break;
    case FaultKind::crossEntropy: target("crossEntropy"); break;
    case FaultKind::oneHot: index("oneHot", fault.bound, " classes"); break;
    case FaultKind::gather: along("gather"); break;
    case FaultKind::scatterAdd: along("scatterAdd"); break;
    case FaultKind::indexSelect: along("indexSelect"); break;
    case FaultKind::indexAdd: along("indexAdd"); break;
    case FaultKind::maxPoolBackward: inPlane("maxPoolBackward"); break;
    case FaultKind::maxUnpool: inPlane("maxUnpool"); break;
    case FaultKind::planeGather: inPlane("planeGather"); break;
    case FaultKind::sum: beyondInt32("sum"); break;
    case FaultKind::prod: beyondInt32("prod"); break;
  }
}

}  // namespace cnn::cuda

// The words of a Fault: the reference backend's.
#include "fault.hpp"

#include "base/error.hpp"

namespace cnn::cuda {

void throwFault(const Fault& fault) {
  auto index = [&](const char* op, const auto&... bound) {
    fail(ErrorKind::value, op, ": index ", fault.value, " is out of range for ", bound...);
  };
  auto target = [&](const char* op) {
    fail(ErrorKind::value, op, ": target ", fault.value, " at position ", fault.place, " is out of range for ", fault.bound, " classes");
  };
  auto along = [&](const char* op) { index(op, "axis ", fault.place, " of size ", fault.bound); };
  auto inPlane = [&](const char* op) { index(op, "a plane of ", fault.bound); };
  switch (fault.kind) {
    case FaultKind::none: return;
    case FaultKind::nllLoss: target("nllLoss"); break;
    case FaultKind::nllLossBackward: target("nllLossBackward"); break;
    case FaultKind::oneHot: index("oneHot", fault.bound, " classes"); break;
    case FaultKind::gather: along("gather"); break;
    case FaultKind::scatterAdd: along("scatterAdd"); break;
    case FaultKind::indexSelect: along("indexSelect"); break;
    case FaultKind::indexAdd: along("indexAdd"); break;
    case FaultKind::maxPoolBackward: inPlane("maxPoolBackward"); break;
    case FaultKind::maxUnpool: inPlane("maxUnpool"); break;
    case FaultKind::planeGather: inPlane("planeGather"); break;
  }
}

}  // namespace cnn::cuda

// Fault: what a kernel found wrong in its data. It lies on the device, the first one stays, and the next read by the host throws it.
#pragma once

namespace cnn::cuda {

/// The op whose data was wrong.
enum class FaultKind : int {
  none,
  nllLoss, nllLossBackward,                   // a target; place is its position
  oneHot,                                     // an index
  gather, scatterAdd, indexSelect, indexAdd,  // an index; place is the axis
  maxPoolBackward, maxUnpool, planeGather,    // an index into a plane
};

struct Fault {
  FaultKind kind = FaultKind::none;
  long long value = 0, bound = 0;  // the value, which should have been in [0, bound)
  long long place = 0;             // where it was found, or along which axis
};

/// Throws the ValueError of the reference backend's wording; nothing for `none`.
void throwFault(const Fault& fault);

}  // namespace cnn::cuda

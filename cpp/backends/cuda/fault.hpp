// Fault: what a kernel found wrong in its data. It lies on the device, the first one stays, and the next read by the
// host throws it.
#pragma once

namespace cnn::cuda {

/// The op whose data was wrong.
enum class FaultKind : int {
  none,
  nllLoss,
  nllLossBackward,
  crossEntropy,  // a target; place is its position
  oneHot,        // an index
  gather,
  scatterAdd,
  indexSelect,
  indexAdd,  // an index; place is the axis
  maxPoolBackward,
  maxUnpool,
  planeGather,  // an index into a plane
  sum,
  prod,  // a result beyond int32
};

struct Fault {
  FaultKind kind = FaultKind::none;
  int site = 0;                    // the kernel, as FaultSites numbers them
  long long value = 0, bound = 0;  // the value, which should have been in [0, bound)
  long long place = 0;             // where it was found, or along which axis
};

/// Where a kernel reports, and as whom: one of its parameters. Without a fault, nothing is reported.
struct FaultSink {
  Fault* fault = nullptr;
  int site = 0;
};

}  // namespace cnn::cuda

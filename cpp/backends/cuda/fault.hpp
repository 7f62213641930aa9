// Fault: what a kernel found wrong in its data. It lies on the device, the first one stays, and the next read by the host throws it.
#pragma once

namespace cnn::cuda {

enum class FaultKind : int { none, target, index };

struct Fault {
  FaultKind kind = FaultKind::none;
  long long value = 0, bound = 0;  // the value, which should have been in [0, bound)
};

/// Throws the ValueError of the reference backend's wording; nothing for `none`.
void throwFault(const Fault& fault);

}  // namespace cnn::cuda

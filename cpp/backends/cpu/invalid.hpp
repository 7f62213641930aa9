// The processor's flag of invalid operations: ∞ − ∞, 0 · ∞ and, on x86, a maximum or minimum of NaN. Each thread has
// its own, which stays up until it is taken down; a pool hands those of its members on to the thread that called it.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace cnn::cpu {

#if defined(__x86_64__)
/// Whether the flag tells of a maximum of NaN here.
inline constexpr bool invalidTellsOfNaN = true;
inline bool isInvalidRaised() { return (_mm_getcsr() & _MM_EXCEPT_INVALID) != 0; }
inline void raiseInvalid() { _mm_setcsr(_mm_getcsr() | _MM_EXCEPT_INVALID); }
inline void clearInvalid() {
  if (isInvalidRaised()) _mm_setcsr(_mm_getcsr() & ~static_cast<unsigned>(_MM_EXCEPT_INVALID));
}
#else
inline constexpr bool invalidTellsOfNaN = false;
inline bool isInvalidRaised() { return false; }
inline void raiseInvalid() {}
inline void clearInvalid() {}
#endif

}  // namespace cnn::cpu

// What -fsanitize=thread makes the kernels call at every load and store: here it counts. Nothing else of
// ThreadSanitizer takes part; its own library is not linked. Copies by memcpy would not be seen; no kernel makes any.
#include <cstddef>

#include "runtime/traffic.hpp"

using cudasim::noteRead, cudasim::noteWrite;

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

#define AT_EACH(kind, note)                                              \
  void __tsan_##kind##1(void* address) { note(address, 1); }             \
  void __tsan_##kind##2(void* address) { note(address, 2); }             \
  void __tsan_##kind##4(void* address) { note(address, 4); }             \
  void __tsan_##kind##8(void* address) { note(address, 8); }             \
  void __tsan_##kind##16(void* address) { note(address, 16); }           \
  void __tsan_unaligned_##kind##2(void* address) { note(address, 2); }   \
  void __tsan_unaligned_##kind##4(void* address) { note(address, 4); }   \
  void __tsan_unaligned_##kind##8(void* address) { note(address, 8); }   \
  void __tsan_unaligned_##kind##16(void* address) { note(address, 16); } \
  void __tsan_##kind##_range(void* address, std::size_t bytes) { note(address, bytes); }
AT_EACH(read, noteRead)
AT_EACH(write, noteWrite)

}  // extern "C"

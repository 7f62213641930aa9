// The handler of SIGSEGV: it lets executing work follow addresses that lie in device memory, ends work that reaches
// outside, and says which rule the host broke before the process dies of it.
#include "trap.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "memory.hpp"

namespace cudasim {

namespace {

thread_local sigjmp_buf* escape = nullptr;  // where this thread's executing work goes on after a trap
thread_local const void* trapped = nullptr;
struct sigaction previous[2];

void sayHostAccess(const void* address) {
  char line[400];
  Block* block = blockAt(address);
  std::string where = block ? describe(*block, reinterpret_cast<std::uintptr_t>(address)) : "";
  bool isPinned = block && block->space == Space::pinned;
  int length = std::snprintf(line, sizeof line, "cudasim: the host touches %s at %p, %s\n",
                             isPinned && !block->isGone ? "pinned memory that a pending copy still needs"
                             : isPinned                 ? "pinned memory"
                                                        : "device memory",
                             address, where.c_str());
  if (write(STDERR_FILENO, line, static_cast<std::size_t>(length)) < 0) return;
}

void onFault(int signal, siginfo_t* info, void* context) {
  if (escape) {
    if (openWhileExecuting(info->si_addr)) return;
    trapped = info->si_addr;
    siglongjmp(*escape, 1);
  }
  if (blockAt(info->si_addr)) sayHostAccess(info->si_addr);
  // Whoever was here before decides what becomes of the process.
  struct sigaction& old = previous[signal == SIGBUS];
  if (old.sa_flags & SA_SIGINFO && old.sa_sigaction) return old.sa_sigaction(signal, info, context);
  sigaction(signal, &old, nullptr);
}

[[gnu::constructor]] void installHandler() {
  struct sigaction action{};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &previous[0]);
  sigaction(SIGBUS, &action, &previous[1]);
}

}  // namespace

bool runTrapped(const std::function<void()>& work, std::string& sentence) {
  sigjmp_buf here;
  sigjmp_buf* outer = escape;
  if (sigsetjmp(here, 0) == 0) {
    escape = &here;
    try {
      work();
    } catch (...) {
      escape = outer;
      closeOpened();
      throw;
    }
    escape = outer;
    closeOpened();
    return true;
  }
  escape = outer;
  closeOpened();
  const void* address = programAddress(trapped);
  Block* block = blockAt(address);
  sentence =
      block ? text("touches memory outside its blocks: ", describe(*block, reinterpret_cast<std::uintptr_t>(address)))
            : text("touches ", address, ", which is no memory of the device");
  return false;
}

}  // namespace cudasim

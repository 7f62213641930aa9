// Fibers: twelve instructions on x86-64, ucontext elsewhere.
#include "fiber.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace cudasim {

namespace {

constexpr std::size_t stackBytes = 256 << 10;
constexpr std::size_t guardBytes = 4096;

}  // namespace

#if defined(__x86_64__)

// cudasimSwitch(save, load): keeps what a call must keep on this stack, and goes on with the other one.
extern "C" void cudasimSwitch(void** save, void* load);
asm(R"(
  .text
  .hidden cudasimSwitch
  .globl cudasimSwitch
  .type cudasimSwitch, @function
cudasimSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size cudasimSwitch, .-cudasimSwitch

  .hidden cudasimEnter
  .globl cudasimEnter
  .type cudasimEnter, @function
cudasimEnter:
  movq %r12, %rdi
  call *%r13
  ud2
  .size cudasimEnter, .-cudasimEnter
)");
extern "C" void cudasimEnter();

void Fiber::reset(void (*entry)(void*), void* argument) {
  entry_ = entry;
  argument_ = argument;
  isDone_ = false;
  auto top = reinterpret_cast<std::uintptr_t>(stack_) + guardBytes + stackBytes;
  // what the switch will take from this stack; it then stands at a multiple of 16, as a call wants it
  auto* words = reinterpret_cast<std::uintptr_t*>(top) - 9;
  words[0] = words[1] = 0;                              // r15, r14
  words[2] = reinterpret_cast<std::uintptr_t>(&start);  // r13
  words[3] = reinterpret_cast<std::uintptr_t>(this);    // r12
  words[4] = words[5] = 0;                              // rbx, rbp
  words[6] = reinterpret_cast<std::uintptr_t>(&cudasimEnter);
  words[7] = 0;
  own_ = words;
}

void Fiber::resume() { cudasimSwitch(&outer_, own_); }
void Fiber::giveWay() { cudasimSwitch(&own_, outer_); }

Fiber::Fiber() {
#else

void Fiber::reset(void (*entry)(void*), void* argument) {
  entry_ = entry;
  argument_ = argument;
  isDone_ = false;
  auto* context = static_cast<ucontext_t*>(own_);
  getcontext(context);
  context->uc_stack.ss_sp = static_cast<char*>(stack_) + guardBytes;
  context->uc_stack.ss_size = stackBytes;
  context->uc_link = nullptr;
  static thread_local Fiber* starting;
  starting = this;
  makecontext(context, [] { start(starting); }, 0);
}

void Fiber::resume() { swapcontext(static_cast<ucontext_t*>(outer_), static_cast<ucontext_t*>(own_)); }
void Fiber::giveWay() { swapcontext(static_cast<ucontext_t*>(own_), static_cast<ucontext_t*>(outer_)); }

Fiber::Fiber() {
  own_ = std::malloc(sizeof(ucontext_t));
  outer_ = std::malloc(sizeof(ucontext_t));
#endif
  stack_ = mmap(nullptr, stackBytes + guardBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
  if (stack_ == MAP_FAILED) std::abort();
  mprotect(stack_, guardBytes, PROT_NONE);
}

Fiber::~Fiber() {
  munmap(stack_, stackBytes + guardBytes);
#if !defined(__x86_64__)
  std::free(own_);
  std::free(outer_);
#endif
}

void Fiber::start(Fiber* fiber) {
  fiber->entry_(fiber->argument_);
  fiber->isDone_ = true;
  fiber->giveWay();
}

}  // namespace cudasim

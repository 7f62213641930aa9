// A fiber: a stack of its own that runs until it gives way.
#pragma once

namespace cudasim {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Begins anew with `entry(argument)`; whatever ran on it is forgotten.
  void reset(void (*entry)(void*), void* argument);
  /// Runs it until it gives way or its entry returns.
  void resume();
  /// On the fiber: back to who resumed it.
  void giveWay();
  bool isDone() const { return isDone_; }

 private:
  static void start(Fiber* fiber);
  void* stack_ = nullptr;
  void* own_ = nullptr;    // its stack pointer, or its context
  void* outer_ = nullptr;  // of who resumed it
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool isDone_ = true;
};

}  // namespace cudasim

// Session: the state of one user (one Node environment): gradient mode and random counter. Nothing here is global.
#pragma once

#include "base/dims.hpp"

namespace cnn {

class Session {
 public:
  bool gradEnabled = true;

  void seed(Index seed) {
    seed_ = seed;
    offset_ = 0;
  }
  Index seed() const { return seed_; }
  /// A fresh counter for one random op.
  Index nextOffset() { return offset_++; }

 private:
  Index seed_ = 0;
  Index offset_ = 0;
};

/// Sets the gradient mode for a scope.
class GradMode {
 public:
  GradMode(Session& session, bool enabled) : session_(session), before_(session.gradEnabled) { session.gradEnabled = enabled; }
  ~GradMode() { session_.gradEnabled = before_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  Session& session_;
  bool before_;
};

}  // namespace cnn

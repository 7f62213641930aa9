// Session: the state of one user (one Node environment): gradient mode, autocast, random counter, failures. Nothing
// here is global.
#pragma once

#include <optional>
#include <utility>

#include "base/dtype.hpp"
#include "client.hpp"

namespace cnn {

class CastCache;
class Tape;
class Trace;

class Session {
 public:
  bool gradEnabled = true;
  /// Where ops are told while `gradEnabled`; null: no gradients are known.
  Tape* tape = nullptr;
  /// Where ops are recorded instead of run; null: they run.
  Trace* trace = nullptr;
  /// The half type in which products compute, while autocast is on.
  std::optional<DType> autocast;
  std::shared_ptr<CastCache> casts;

  Session() : client_(Client::join()) {}
  ~Session() { leave(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// What is still queued is dropped.
  void leave() noexcept {
    if (!std::exchange(hasLeft_, true)) client_->leave();
  }
  /// For whom queues do this session's work: all sessions of a thread are one.
  const ClientPtr& client() const { return client_; }
  /// Failures of this session's ops on any queue.
  const ClientPtr& failures() const { return client_; }

  void seed(Index seed) {
    seed_ = seed;
    offset_ = 0;
  }
  Index seed() const { return seed_; }
  Index offset() const { return offset_; }
  void setOffset(Index offset) { offset_ = offset; }
  /// A fresh counter for one random op.
  Index nextOffset() { return offset_++; }
  /// Orders the nodes of the tape.
  std::uint64_t nextSequence() { return sequence_++; }
  /// Where the op that comes next was called, if its values can make it fail.
  const SitePtr& site() const { return site_; }
  void setSite(SitePtr site) { site_ = std::move(site); }

 private:
  ClientPtr client_;
  bool hasLeft_ = false;
  Index seed_ = 0;
  Index offset_ = 0;
  std::uint64_t sequence_ = 0;
  SitePtr site_;
};

/// Sets the gradient mode for a scope.
class GradMode {
 public:
  GradMode(Session& session, bool enabled) : session_(session), before_(session.gradEnabled) {
    session.gradEnabled = enabled;
  }
  ~GradMode() { session_.gradEnabled = before_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  Session& session_;
  bool before_;
};

}  // namespace cnn

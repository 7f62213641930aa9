// Failure: an op that was queued and then failed; and where a session's failures wait until somebody is told of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.hpp"

namespace cnn {

/// Where in the user's program an op was queued. Whoever queued it tells so once, when an error is to be shown.
class Site {
 public:
  Site() = default;
  explicit Site(std::string place) { tell(std::move(place)); }
  void tell(std::string place) {
    place_ = std::move(place);
    isKnown_.store(true, std::memory_order_release);
  }
  bool isKnown() const { return isKnown_.load(std::memory_order_acquire); }
  /// "train.ts:12:9", or nothing where it is not known.
  std::string place() const { return isKnown() ? place_ : std::string(); }

 private:
  std::string place_;
  std::atomic<bool> isKnown_{false};
};

using SitePtr = std::shared_ptr<const Site>;

/// The error of an op that failed after it was queued.
class QueuedError : public Error {
 public:
  QueuedError(const Error& error, SitePtr site) : Error(error), site(std::move(site)) {}
  SitePtr site;  // null where its values can't be the reason
};

/// Shared by all memory that depends on the op (see Poison).
class Failure {
 public:
  explicit Failure(QueuedError error) : error(std::move(error)) {}
  const QueuedError error;
  /// The user will be told, by a rejected read or a warning.
  void tell() const { isTold_.store(true, std::memory_order_relaxed); }
  bool isTold() const { return isTold_.load(std::memory_order_relaxed); }
  /// Whether the user's program knew of it when it made that call (see Failures): it goes on from there.
  bool isKnownTo(std::uint64_t call) const { return call >= knownSince_.load(std::memory_order_relaxed); }

 private:
  friend class Failures;
  mutable std::atomic<bool> isTold_{false};
  mutable std::atomic<std::uint64_t> knownSince_{~std::uint64_t{0}};
};

using FailurePtr = std::shared_ptr<const Failure>;

/// The failures of one session's ops, on any queue. From any thread.
class Failures {
 public:
  FailurePtr record(const std::exception& exception);
  /// Those that nobody was told of, in order. They count as told then.
  std::vector<FailurePtr> takeAll();
  /// The first of these, null where there is none.
  FailurePtr take();
  /// The user's program gets the error now: what it calls from here on knows of it. On its thread.
  void hand(const Failure& failure);
  /// A number for calls: those that are made after an error was handed over have a greater one.
  std::uint64_t now() const { return handed_.load(std::memory_order_relaxed); }
  /// Calls `listener` on the queue's thread after each failure; an empty one ends that.
  void listen(std::function<void()> listener);

 private:
  static constexpr std::size_t most =
      256;  // of a loop that fails at each step, and never reads, the first ones are kept
  std::mutex mutex_;
  std::vector<FailurePtr> all_;
  std::atomic<std::uint64_t> handed_{0};
  std::function<void()> listener_;
};

}  // namespace cnn

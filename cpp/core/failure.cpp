// Failures are kept until somebody was told of them.
#include "failure.hpp"

#include <utility>

namespace cnn {

FailurePtr Failures::record(const std::exception& exception) {
  auto queued = dynamic_cast<const QueuedError*>(&exception);
  auto failure = std::make_shared<const Failure>(queued ? *queued : QueuedError(asError(exception), nullptr));
  std::lock_guard lock(mutex_);
  std::erase_if(all_, [](const FailurePtr& each) { return each->isTold(); });
  if (all_.size() < most) all_.push_back(failure);
  if (listener_) listener_();
  return failure;
}

std::vector<FailurePtr> Failures::takeAll() {
  std::lock_guard lock(mutex_);
  auto all = std::exchange(all_, {});
  std::erase_if(all, [](const FailurePtr& each) { return each->isTold(); });
  for (const FailurePtr& each : all) each->tell();
  return all;
}

FailurePtr Failures::take() {
  auto all = takeAll();
  return all.empty() ? nullptr : all.front();
}

void Failures::hand(const Failure& failure) {
  failure.tell();
  if (!failure.isKnownTo(now()))
    failure.knownSince_.store(handed_.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void Failures::listen(std::function<void()> listener) {
  std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

}  // namespace cnn

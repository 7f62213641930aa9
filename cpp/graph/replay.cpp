// Cutting a plan into segments, recording and repeating them.
#include "replay.hpp"

#include "dynamics.hpp"

namespace cnn::graph {

bool Replay::isRecordedFor(const Launch& launch) const {
  return launch.plan == recorded_.plan && launch.arena == recorded_.arena && launch.inputs == recorded_.inputs &&
         launch.captured == recorded_.captured && launch.constants == recorded_.constants &&
         launch.results == recorded_.results;
}

bool Replay::hasChanged(const Launch& launch) {
  bool hasChanged = false;
  for (const auto& [s, op] : launch.bound) {
    if (isRandom(op)) {
      changes_[s] = 2;
      continue;
    }
    if (changes_[s] >= 2) continue;
    std::vector<double> now = dynamicFields(op);
    auto [known, isNew] = fields_.try_emplace(s, now);
    if (isNew || known->second == now) continue;
    known->second = now;
    changes_[s]++;
    hasChanged = true;
  }
  return hasChanged;
}

void Replay::record(const Launch& launch) {
  const std::vector<Step>& steps = launch.plan->steps;
  segments_.clear();
  recorded_ = {};  // where recording fails, nothing is
  auto isLeftOut = [&](std::size_t s) {
    auto found = changes_.find(s);
    return found != changes_.end() && found->second >= 2;
  };
  for (std::size_t from = 0; from < steps.size();) {
    std::size_t to = from + 1;
    while (to < steps.size() && isLeftOut(to) == isLeftOut(from)) to++;
    Segment segment{from, to, nullptr};
    if (!isLeftOut(from)) segment.captured = backend_.capture([&] { launch.run(steps, from, to); });
    segments_.push_back(std::move(segment));
    from = to;
  }
  recorded_ = launch;
}

void Replay::run(const Launch& launch) {
  if (!launch.plan->hasRun) return launch.runAll();
  if (launch.plan != recorded_.plan) {  // its steps have other numbers
    fields_.clear();
    changes_.clear();
  }
  if (hasChanged(launch) || !isRecordedFor(launch)) record(launch);
  for (const Segment& segment : segments_) {
    if (segment.captured) {
      segment.captured->replay();
    } else {
      launch.run(launch.plan->steps, segment.from, segment.to);
    }
  }
}

}  // namespace cnn::graph

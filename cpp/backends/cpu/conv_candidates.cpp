// Timing candidates.
#include "conv_candidates.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"

namespace cnn::cpu {

namespace {

std::string_view nameOf(Direction direction) {
  return direction == Direction::forward        ? "forward"
         : direction == Direction::backwardData ? "backward data"
                                                : "backward weights";
}

constexpr std::size_t weightArgument = 1;  // forward and for the gradient of x
constexpr std::size_t line = 64;

// Seconds that a candidate takes on memory of its own: the least of three runs after one that warms up. Where it is
// cold, the median of some runs, each with a copy of the weights that the last-level cache has lost since the round
// that warmed up.
double secondsOf(const Candidate& candidate, bool weightsExceedCache) {
  constexpr std::size_t moreThanCached = std::size_t{64} << 20;
  constexpr std::size_t mostCopies = 16;
  const std::size_t weightBytes = (candidate.bytes[weightArgument] + line - 1) / line * line;
  const std::size_t copies =
      weightsExceedCache ? std::clamp<std::size_t>(moreThanCached / std::max(weightBytes, line), 4, mostCopies) : 1;
  const std::size_t runs = weightsExceedCache ? copies : 3;
  std::vector<std::vector<float>> memory;
  auto aligned64 = [&](std::size_t bytes) {
    memory.emplace_back(bytes / sizeof(float) + line / sizeof(float), 0.5f);
    auto address = reinterpret_cast<std::uintptr_t>(memory.back().data());
    return reinterpret_cast<std::byte*>((address + line - 1) / line * line);
  };
  std::array<const void*, 4> pointers{};
  const std::byte* weights = weightsExceedCache ? aligned64(std::max(moreThanCached, copies * weightBytes)) : nullptr;
  for (std::size_t i = 0; i < pointers.size(); i++) {
    if (candidate.bytes[i] && !(weightsExceedCache && i == weightArgument)) pointers[i] = aligned64(candidate.bytes[i]);
  }
  void* workspace = aligned64(candidate.workspaceBytes);
  std::vector<double> seconds;
  for (std::size_t i = 0; i < copies + runs; i++) {
    if (weightsExceedCache) pointers[weightArgument] = weights + i % copies * weightBytes;
    auto start = std::chrono::steady_clock::now();
    candidate.run(pointers, workspace);
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (i >= copies) seconds.push_back(taken.count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[weightsExceedCache ? seconds.size() / 2 : 0];
}

}  // namespace

Choice fastest(Engine& engine, Direction direction, const Geometry& g, const std::vector<Candidate>& candidates,
               int threads, bool weightsExceedCache) {
  if (candidates.size() == 1) return {candidates[0], nullptr};
  std::string key = text(processorName(), ", ", engine.library(), ", ", threads, " threads: ", nameOf(direction), " ",
                         g.x, " to ", g.y, " by ", g.weight, weightsExceedCache ? ", cold:" : ":");
  for (const Candidate& each : candidates) key += " " + each.name;
  if (auto known = engine.choices.find(key); known && *known < static_cast<int>(candidates.size())) {
    return {candidates[static_cast<std::size_t>(*known)], nullptr};
  }
  auto tune = [&engine, candidates, key, weightsExceedCache] {
    if (engine.choices.find(key)) return;  // another kernel of this kind was first
    std::size_t best = 0;
    double least = secondsOf(candidates[0], weightsExceedCache);
    for (std::size_t i = 1; i < candidates.size(); i++) {
      double seconds = secondsOf(candidates[i], weightsExceedCache);
      if (seconds * 1.05 >= least) continue;
      least = seconds;
      best = i;
    }
    engine.choices.keep(key, static_cast<int>(best));
  };
  return {candidates[0], tune};
}

}  // namespace cnn::cpu

// Timing candidates.
#include "conv_candidates.hpp"

#include <chrono>
#include <limits>

#include "base/error.hpp"

namespace cnn::cpu {

namespace {

std::string_view nameOf(Direction direction) {
  return direction == Direction::forward ? "forward" : direction == Direction::backwardData ? "backward data" : "backward weights";
}

// Seconds that a candidate takes, the least of three runs, on memory of its own.
double secondsOf(const Candidate& candidate) {
  std::vector<std::vector<float>> memory;
  auto aligned64 = [&](std::size_t bytes) {
    memory.emplace_back(bytes / sizeof(float) + 16, 0.5f);
    auto address = reinterpret_cast<std::uintptr_t>(memory.back().data());
    return reinterpret_cast<void*>((address + 63) / 64 * 64);
  };
  std::array<const void*, 4> pointers{};
  for (std::size_t i = 0; i < pointers.size(); i++) pointers[i] = candidate.bytes[i] ? aligned64(candidate.bytes[i]) : nullptr;
  void* workspace = aligned64(candidate.workspaceBytes);
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 4; i++) {  // the first warms up
    auto start = std::chrono::steady_clock::now();
    candidate.run(pointers, workspace);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (i > 0) least = std::min(least, seconds.count());
  }
  return least;
}

}  // namespace

Choice fastest(Engine& engine, Direction direction, const Geometry& g, const std::vector<Candidate>& candidates, int threads) {
  if (candidates.size() == 1) return {candidates[0], nullptr};
  const dnnl_version_t& version = *dnnl_version();
  std::string key = text(processorName(), ", oneDNN ", version.major, ".", version.minor, ".", version.patch, ", ", threads, " threads: ",
                         nameOf(direction), " ", g.x, " to ", g.y, " by ", g.weight, ":");
  for (const Candidate& each : candidates) key += " " + each.name;
  if (auto known = engine.choices.find(key); known && *known < static_cast<int>(candidates.size())) {
    return {candidates[static_cast<std::size_t>(*known)], nullptr};
  }
  auto tune = [&engine, candidates, key] {
    if (engine.choices.find(key)) return;  // another kernel of this kind was first
    std::size_t best = 0;
    double least = secondsOf(candidates[0]);
    for (std::size_t i = 1; i < candidates.size(); i++) {
      double seconds = secondsOf(candidates[i]);
      if (seconds * 1.05 >= least) continue;
      least = seconds;
      best = i;
    }
    engine.choices.keep(key, static_cast<int>(best));
  };
  return {candidates[0], tune};
}

}  // namespace cnn::cpu

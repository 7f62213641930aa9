// Replay: what is the same in every run of a plan is recorded by the device and repeated by it at once (a CUDA graph),
// what is not runs by itself.
#pragma once

#include <map>
#include <memory>

#include "launch.hpp"

namespace cnn::graph {

/// On the queue's thread. A plan that has not run yet, or not to its end, runs by itself first. Where the pointers
/// differ from those of the last run, it records again. A step whose fields change from run to run (Adam's step count,
/// dropout's counter) is left out of the recording from the second change on.
class Replay {
 public:
  explicit Replay(Backend& backend) : backend_(backend) {}
  void run(const Launch& launch);

 private:
  /// Steps [from, to): recorded, or run anew each time.
  struct Segment {
    std::size_t from = 0, to = 0;
    std::unique_ptr<Captured> captured;
  };

  bool isRecordedFor(const Launch& launch) const;
  /// Finds the steps that change; true if there is one that was thought to stay the same.
  bool hasChanged(const Launch& launch);
  void record(const Launch& launch);

  Backend& backend_;
  std::vector<Segment> segments_;
  Launch recorded_;                                    // what they were recorded for
  std::map<std::size_t, std::vector<double>> fields_;  // of steps that have stayed the same
  std::map<std::size_t, int> changes_;
};

}  // namespace cnn::graph

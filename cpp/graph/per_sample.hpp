// Which ops make each sample of a batch of that sample alone.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>
#include <vector>

#include "ops/op.hpp"

namespace cnn::graph {

/// What is asked of a node: the descs of its inputs and output 0, and which inputs consist of samples, along axis 0.
struct SampleQuery {
  std::span<const TensorDesc> inputs;
  const TensorDesc& output;
  const std::vector<bool>& isBatched;

  /// Whether of the inputs that are there, exactly these consist of samples.
  bool exactly(std::initializer_list<std::size_t> wanted) const {
    for (std::size_t i = 0; i < inputs.size(); i++) {
      const bool isWanted = std::find(wanted.begin(), wanted.end(), i) != wanted.end();
      if (inputs[i].defined && isBatched[i] != isWanted) return false;
    }
    return true;
  }
  /// Whether inputs that are broadcast to the output meet it sample by sample.
  bool broadcasts() const {
    for (std::size_t i = 0; i < inputs.size(); i++) {
      if (!inputs[i].defined) continue;
      const bool reachesBatch = inputs[i].rank() == output.rank();
      if (isBatched[i] ? !reachesBatch : reachesBatch && inputs[i].shape[0] != 1) return false;
    }
    return true;
  }
  Index batch() const { return output.rank() > 0 ? output.shape[0] : 0; }
};

/// Whether the op makes each sample of its output of the same sample of its inputs alone.
bool isPerSample(const Op& op, const SampleQuery& query);

}  // namespace cnn::graph

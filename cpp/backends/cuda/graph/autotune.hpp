// Autotune: which plan is the fastest, found by running each.
#pragma once

#include "plan.hpp"

namespace cnn::cuda::graph {

/// Runs each plan on zeroed memory of its own, on a stream of its own, and returns the one that took the least time.
/// Plans that fail when they run, or whose memory can't be had, are passed over; the first one is returned if none is
/// left.
std::shared_ptr<const Plan> fastest(const std::vector<std::shared_ptr<const Plan>>& plans, const Graph& graph,
                                    const Target& target);

}  // namespace cnn::cuda::graph

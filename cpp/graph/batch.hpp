// A batch in parts: where the samples of a batch have nothing to do with each other, a few at a time go through the
// whole program, so that what is made of them stays in the processor's cache.
#pragma once

#include "plan.hpp"

namespace cnn::graph {

/// A program for some samples of a batch, and at which sample each of its runs begins. The runs cover the batch; where
/// it doesn't come out even, the last one does some samples again.
struct BatchPart {
  Graph graph;
  Index batch = 0, samples = 0;
  std::vector<bool> isBatched;  // values that consist of samples
  std::vector<Index> starts() const;
};

/// The batch of the first input that can have one; 0: there is none.
Index batchOf(const Graph& graph);

/// The same for so many samples; nothing where a sample depends on others, or where the function changes tensors or
/// draws random numbers.
std::optional<BatchPart> partOf(const Graph& graph, Index samples);

/// How many samples should go through the program at once: as many as the cache holds, and two a thread if it holds
/// half of those; all of them where parts would read more weights than they save elsewhere.
Index microBatchOf(const Graph& graph, std::size_t cacheBytes, int threads);

/// As makePlan, in parts of `samples` (0: as microBatch finds) where that is possible.
Plan makePlanInParts(Device& device, const Graph& graph, std::span<const TensorDesc> inputs,
                     std::span<const TensorDesc> captured, Tolerance tolerance, Index samples);

}  // namespace cnn::graph

// Optimizer steps. A rule says what happens to one element of all lists; one kernel brings the elements. Bound by
// memory.
#include "update.hpp"

#include "tensor_table.cuh"

namespace cnn::cuda {
namespace kernels {

// A rule takes element i of each list: v[0] the parameter, v[1] its gradient, which alone isn't written back, then the
// state.

template <class C, bool hasBuffer>
struct SgdRule {
  static constexpr int lists = hasBuffer ? 3 : 2;
  C rate, momentum, taken, decay;  // taken: 1 − dampening
  bool nesterov, isFirst;

  __device__ void operator()(C (&v)[lists]) const {
    C g = v[1] + decay * v[0];
    if constexpr (hasBuffer) {
      v[2] = isFirst ? g : momentum * v[2] + taken * g;
      g = nesterov ? g + momentum * v[2] : v[2];
    }
    v[0] -= rate * g;
  }
};

template <class C, bool hasMaxSquares>
struct AdamRule {
  static constexpr int lists = hasMaxSquares ? 5 : 4;
  C beta1, rest1, beta2, rest2;  // rest: 1 − beta
  C rate, scale, eps;            // learningRate / correction1, 1 / correction2
  C keep, decay;                 // of the parameter, decoupled or by the gradient

  __device__ void operator()(C (&v)[lists]) const {
    C g = v[1] + decay * v[0];
    v[2] = beta1 * v[2] + rest1 * g;
    v[3] = beta2 * v[3] + rest2 * g * g;
    C square = v[3];
    if constexpr (hasMaxSquares) square = v[4] = larger(v[4], v[3]);
    v[0] = v[0] * keep - rate * v[2] / (sqrt(square) * scale + eps);
  }
};

template <class C, bool hasBuffer, bool centered>
struct RmsPropRule {
  static constexpr int lists = 3 + hasBuffer + centered, average = 3 + hasBuffer;
  C rate, alpha, rest, eps, decay, momentum;  // rest: 1 − alpha

  __device__ void operator()(C (&v)[lists]) const {
    C g = v[1] + decay * v[0];
    v[2] = alpha * v[2] + rest * g * g;
    C variance = v[2];
    if constexpr (centered) {
      v[average] = alpha * v[average] + rest * g;
      variance -= v[average] * v[average];
    }
    C step = g / (sqrt(variance) + eps);
    if constexpr (hasBuffer) step = v[3] = momentum * v[3] + step;
    v[0] -= rate * step;
  }
};

/// Of gradients alone; a NaN stays.
template <class C>
struct ClipRule {
  static constexpr int lists = 1;
  C limit;
  __device__ void operator()(C (&v)[1]) const { v[0] = v[0] < -limit ? -limit : v[0] > limit ? limit : v[0]; }
};

template <class T, class Rule>
__global__ void update(TensorTable<Rule::lists> table, Rule rule, const Fault* fault) {
  if (fault && fault->kind != FaultKind::none) return;
  constexpr int lists = Rule::lists;
  for (Index at = blockIdx.x; at < table.firstChunk[table.count]; at += gridDim.x) {
    Chunk chunk = chunkAt(table, at);
    T* tensors[lists];
    for (int list = 0; list < lists; list++) tensors[list] = static_cast<T*>(table.tensors[list][chunk.tensor]);
    Index packed = table.isAligned ? chunk.from + (chunk.to - chunk.from) / 4 * 4 : chunk.from;
    for (Index i = chunk.from / 4 + threadIdx.x; i < packed / 4; i += blockDim.x) {
      Pack<T> packs[lists];
      for (int list = 0; list < lists; list++) packs[list] = loadPack(tensors[list], i);
      for (int k = 0; k < 4; k++) {
        T v[lists];
        for (int list = 0; list < lists; list++) v[list] = packs[list].at[k];
        rule(v);
        for (int list = 0; list < lists; list++) packs[list].at[k] = v[list];
      }
      for (int list = 0; list < lists; list++) {
        if (list != 1) storePack(tensors[list], i, packs[list]);
      }
    }
    for (Index i = packed + threadIdx.x; i < chunk.to; i += blockDim.x) {
      T v[lists];
      for (int list = 0; list < lists; list++) v[list] = tensors[list][i];
      rule(v);
      for (int list = 0; list < lists; list++) {
        if (list != 1) tensors[list][i] = v[list];
      }
    }
  }
}

}  // namespace kernels

namespace {

constexpr Index mostBlocks = 1 << 20;

template <class C, class Rule>
void launchRule(cudaStream_t stream, const TensorLists& tensors, std::span<void* const> pointers, const Rule& rule) {
  forEachTable<Rule::lists, C>(tensors, pointers, mostBlocks, [&](const auto& table, const Grid& grid, int) {
    if (table.count > 0) launch<kernels::update<C, Rule>>(stream, grid, table, rule, tensors.fault);
  });
}

}  // namespace

void launchSgd(cudaStream_t stream, const TensorLists& tensors, const SgdStep& step, std::span<void* const> pointers) {
  dispatchFloat(tensors.dtype, [&]<class C>(Type<C>) {
    auto with = [&]<bool hasBuffer>(std::bool_constant<hasBuffer>) {
      kernels::SgdRule<C, hasBuffer> rule = {static_cast<C>(step.learningRate),
                                             static_cast<C>(step.momentum),
                                             static_cast<C>(1 - step.dampening),
                                             static_cast<C>(step.weightDecay),
                                             step.nesterov,
                                             step.isFirst};
      launchRule<C>(stream, tensors, pointers, rule);
    };
    tensors.lists == 3 ? with(std::true_type{}) : with(std::false_type{});
  });
}

void launchAdam(cudaStream_t stream, const TensorLists& tensors, const AdamStep& step,
                std::span<void* const> pointers) {
  dispatchFloat(tensors.dtype, [&]<class C>(Type<C>) {
    auto with = [&]<bool hasMaxSquares>(std::bool_constant<hasMaxSquares>) {
      kernels::AdamRule<C, hasMaxSquares> rule{};
      rule.beta1 = static_cast<C>(step.beta1);
      rule.rest1 = static_cast<C>(1 - step.beta1);
      rule.beta2 = static_cast<C>(step.beta2);
      rule.rest2 = static_cast<C>(1 - step.beta2);
      rule.rate = static_cast<C>(step.learningRate / step.correction1);
      rule.scale = static_cast<C>(1 / step.correction2);
      rule.eps = static_cast<C>(step.eps);
      rule.keep = step.decoupled ? static_cast<C>(1 - step.learningRate * step.weightDecay) : C(1);
      rule.decay = step.decoupled ? C(0) : static_cast<C>(step.weightDecay);
      launchRule<C>(stream, tensors, pointers, rule);
    };
    tensors.lists == 5 ? with(std::true_type{}) : with(std::false_type{});
  });
}

void launchRmsProp(cudaStream_t stream, const TensorLists& tensors, const RmsPropStep& step,
                   std::span<void* const> pointers) {
  dispatchFloat(tensors.dtype, [&]<class C>(Type<C>) {
    auto with = [&]<bool hasBuffer, bool centered>(std::bool_constant<hasBuffer>, std::bool_constant<centered>) {
      kernels::RmsPropRule<C, hasBuffer, centered> rule = {
          static_cast<C>(step.learningRate), static_cast<C>(step.alpha),       static_cast<C>(1 - step.alpha),
          static_cast<C>(step.eps),          static_cast<C>(step.weightDecay), static_cast<C>(step.momentum)};
      launchRule<C>(stream, tensors, pointers, rule);
    };
    auto withBuffer = [&](auto hasBuffer) {
      step.centered ? with(hasBuffer, std::true_type{}) : with(hasBuffer, std::false_type{});
    };
    tensors.lists == (step.centered ? 5u : 4u) ? withBuffer(std::true_type{}) : withBuffer(std::false_type{});
  });
}

void launchClipGradValue(cudaStream_t stream, const TensorLists& tensors, double limit, std::span<void* const> grads) {
  dispatchFloat(tensors.dtype, [&]<class C>(Type<C>) {
    launchRule<C>(stream, tensors, grads, kernels::ClipRule<C>{static_cast<C>(limit)});
  });
}

}  // namespace cnn::cuda

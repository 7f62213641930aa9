// Kernels of the candidates that were chosen for convolutions, and what all ways to compute them ask of a signature.
#pragma once

#include "conv_candidates.hpp"

namespace cnn::cpu {

/// float32 throughout, or bfloat16, beside which a bias may be float32; no empty tensor.
bool isConvolved(const Signature& signature);

/// The best of all ways, where it is known; nothing where there is no first one.
std::optional<Choice> fastestOf(Engine& engine, Direction direction, const Geometry& g, int threads,
                                const Signature& signature, const std::optional<Candidate>& first,
                                std::vector<Candidate> others);

/// Inputs: x weight bias? residual?; y takes `bytes`, and the residual is added to what the candidate makes of it.
KernelPtr forwardKernel(const Signature& signature, const Engine& engine, const Choice& choice, Layout x, Layout y,
                        std::size_t bytes);
/// Inputs: dy weight bias?; the bias is added behind the candidate.
KernelPtr backwardDataKernel(const Signature& signature, const Engine& engine, const Choice& choice, Layout dy,
                             Layout dx);
/// Inputs: x dy.
KernelPtr backwardWeightKernel(const Signature& signature, const Choice& choice, Layout x, Layout dy);

}  // namespace cnn::cpu

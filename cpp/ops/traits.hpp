// What every op states of itself beside its name and fields. Nothing here has a default: an op that leaves one out does
// not compile.
#pragma once

#include <cstdint>

namespace cnn {

/// What autocast does to the inputs of an op.
enum class Precision : std::uint8_t {
  given,       // nothing
  half,        // to the half type: products, which are fast there and add up in float32
  single,      // halves to float32: sums, exponentials and what divides by small numbers
  widest,      // halves to float32 where another input is float32
  byFunction,  // as `precisionOf(op.function)` says
};

/// Of which inputs a sample of the outputs (an entry along axis 0) is made: what lets a large batch go through a
/// program in parts.
enum class Samples : std::uint8_t {
  mixed,      // of other samples, too, or nothing is known
  ofFirst,    // of the same sample of input 0; the other inputs are the same for all samples
  broadcast,  // of the same sample of all inputs, which broadcast to the output
  byFields,   // as `isPerSample` in graph/per_sample.cpp says
};

/// What an op does with the elements of its inputs.
enum class Elements : std::uint8_t {
  viewed,      // nothing: its output is the memory of its input, in another shape
  moved,       // moves or converts them as they are, whatever their type
  computed,    // computes with them
  multiplied,  // convolutions and matrix products: `count` in graph/work.cpp says how many multiply-adds
};

/// Which inputs a kernel that reads halves may be given in a half type; where another one comes as a half, the op is
/// computed in float32.
enum class Halves : std::uint8_t {
  all,
  data,  // x, y, dy and residual: parameters and statistics stay float32
  none,  // it adds up at positions, or counts on float32 in another way
};

struct Traits {
  Precision precision;
  Samples samples;
  Elements elements;
  Halves halves;
  consteval Traits(Precision precision, Samples samples, Elements elements, Halves halves)
      : precision(precision), samples(samples), elements(elements), halves(halves) {}
};

}  // namespace cnn

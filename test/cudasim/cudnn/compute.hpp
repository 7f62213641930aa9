// The arithmetic: every operation in double on dense arrays, whatever the types and strides of its tensors.
#pragma once

#include "graph.hpp"

namespace cudasim::cudnn {

struct Array {
  std::vector<std::int64_t> dims;
  std::vector<double> data;  // row-major

  Array() = default;
  explicit Array(std::vector<std::int64_t> shape, double value = 0);
};

/// The arrays of a run, by uid.
using Arrays = std::map<std::int64_t, Array>;

Array load(const Tensor& tensor, const void* memory);
void store(const Tensor& tensor, const Array& array, void* memory);
/// What a tensor that is not stored is rounded to on the way.
double rounded(double value, cudnnDataType_t type);

void runConvolution(const Operation& operation, Arrays& arrays);
void runPointwise(const Operation& operation, Arrays& arrays);
void runReduction(const Operation& operation, Arrays& arrays);
void runResample(const Operation& operation, Arrays& arrays);
void runNormForward(const Operation& operation, Arrays& arrays);
void runNormBackward(const Operation& operation, Arrays& arrays);

}  // namespace cudasim::cudnn

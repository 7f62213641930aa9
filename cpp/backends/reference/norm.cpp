// Normalisation and its gradients. Statistics are made in double, in two passes: mean first, then the squares around
// it.
#include "loops.hpp"

namespace cnn::reference {
namespace {

/// A family of equal sets of elements that are normalised together. Set s takes, for each block b < blocks, the
/// `length` elements that begin at offset(s, b) = s·setStride + b·blockStride.
struct Sets {
  Index count, blocks, length, setStride, blockStride;
  Index elements() const { return blocks * length; }
  Index offset(Index set, Index block) const { return set * setStride + block * blockStride; }
};

/// Σ f(position) over a set.
template <class F>
double sumOver(const Sets& sets, Index set, F f) {
  double sum = 0;
  for (Index block = 0; block < sets.blocks; block++) {
    Index begin = sets.offset(set, block);
    for (Index i = begin; i < begin + sets.length; i++) sum += f(i);
  }
  return sum;
}

struct Moments {
  double mean, variance;  // biased; of nothing: NaN
};

template <class T>
Moments momentsOf(const T* x, const Sets& sets, Index set) {
  double count = static_cast<double>(sets.elements());
  double mean = sumOver(sets, set, [&](Index i) { return static_cast<double>(x[i]); }) / count;
  double squares = sumOver(sets, set, [&](Index i) {
    double distance = static_cast<double>(x[i]) - mean;
    return distance * distance;
  });
  return {mean, squares / count};
}

/// Of [N, C, spatial…], one set a channel.
Sets channelSets(const Dims& shape) {
  Index spatial = shape.slice(2).product();
  return {shape[1], shape[0], spatial, spatial, shape[1] * spatial};
}

/// What group and layer norm share: each row of x is one set, and element i of row r has channel
/// (r mod groups)·(channels of a group) + i / spatial, which picks its weight and bias.
struct Rows {
  Index samples, groups, channels, spatial;
  Index count() const { return samples * groups; }
  Index groupChannels() const { return channels / groups; }
  Index length() const { return groupChannels() * spatial; }
  Sets sets() const { return {count(), 1, length(), length(), 0}; }
};

Rows groupRows(const Dims& shape, Index groups) { return {shape[0], groups, shape[1], shape.slice(2).product()}; }

/// Layer norm is group norm with one group, in which every element is a channel.
Rows layerRows(const Dims& shape, Index axes) {
  int first = shape.size() - static_cast<int>(axes);
  return {shape.slice(0, first).product(), 1, shape.slice(first).product(), 1};
}

KernelPtr prepareRows(const Signature& signature, const Rows& rows, double eps) {
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T *x = run.in<T>(0), *weight = run.in<T>(1), *bias = run.in<T>(2);
      T *y = run.out<T>(0), *mean = run.out<T>(1), *invStd = run.out<T>(2);
      Sets sets = rows.sets();
      for (Index r = 0; r < sets.count; r++) {
        Moments moments = momentsOf(x, sets, r);
        double scale = 1 / std::sqrt(moments.variance + eps);
        mean[r] = static_cast<T>(moments.mean);
        invStd[r] = static_cast<T>(scale);
        Index i = sets.offset(r, 0), channel = r % rows.groups * rows.groupChannels();
        for (Index c = channel; c < channel + rows.groupChannels(); c++) {
          double w = weight ? static_cast<double>(weight[c]) : 1, b = bias ? static_cast<double>(bias[c]) : 0;
          for (Index end = i + rows.spatial; i < end; i++) {
            y[i] = static_cast<T>((static_cast<double>(x[i]) - moments.mean) * scale * w + b);
          }
        }
      }
    });
  });
}

/// With g = dy·weight and x̂ the normalised x: dx = invStd·(g − mean(g) − x̂·mean(g·x̂)), dw = Σ dy·x̂, db = Σ dy.
KernelPtr prepareRowsBackward(const Signature& signature, const Rows& rows) {
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T *dy = run.in<T>(0), *x = run.in<T>(1), *weight = run.in<T>(2), *mean = run.in<T>(3),
                  *invStd = run.in<T>(4);
          T *dx = run.out<T>(0), *dw = run.out<T>(1), *db = run.out<T>(2);
          double* weightSums = static_cast<double*>(run.workspace);  // [channels]
          double* biasSums = weightSums + rows.channels;             // [channels]
          std::fill_n(weightSums, 2 * rows.channels, 0.0);
          for (Index r = 0; r < rows.count(); r++) {
            double center = static_cast<double>(mean[r]), scale = static_cast<double>(invStd[r]);
            Index begin = r * rows.length(), channel = r % rows.groups * rows.groupChannels();
            double meanG = 0, meanGX = 0;
            for (Index c = channel, i = begin; c < channel + rows.groupChannels(); c++) {
              double w = weight ? static_cast<double>(weight[c]) : 1, sum = 0, sumX = 0;
              for (Index end = i + rows.spatial; i < end; i++) {
                sum += static_cast<double>(dy[i]);
                sumX += static_cast<double>(dy[i]) * ((static_cast<double>(x[i]) - center) * scale);
              }
              weightSums[c] += sumX;
              biasSums[c] += sum;
              meanG += w * sum;
              meanGX += w * sumX;
            }
            meanG /= static_cast<double>(rows.length());
            meanGX /= static_cast<double>(rows.length());
            for (Index c = channel, i = begin; c < channel + rows.groupChannels(); c++) {
              double w = weight ? static_cast<double>(weight[c]) : 1;
              for (Index end = i + rows.spatial; i < end; i++) {
                double normalised = (static_cast<double>(x[i]) - center) * scale;
                dx[i] = static_cast<T>(scale * (static_cast<double>(dy[i]) * w - meanG - normalised * meanGX));
              }
            }
          }
          narrowAll(dw, weightSums, rows.channels);
          narrowAll(db, biasSums, rows.channels);
        },
        doubles(2 * rows.channels));
  });
}

/// The channels whose squares count for channel c are [c − ⌊size/2⌋, c + ⌈size/2⌉).
struct Neighbours {
  Index begin, end;
};
Neighbours neighbours(Index c, Index size, Index channels) {
  return {std::max<Index>(c - size / 2, 0), std::min(c + (size + 1) / 2, channels)};
}
/// The channels for which channel c counts: the same, mirrored.
Neighbours listeners(Index c, Index size, Index channels) {
  return {std::max<Index>(c - (size + 1) / 2 + 1, 0), std::min(c + size / 2 + 1, channels)};
}

/// k + alpha/size · Σ x² at channel c, x being one sample [C, spatial].
template <class LrnOp, class T>
double lrnBase(const LrnOp& op, const T* x, Index c, Index s, Index channels, Index spatial) {
  double squares = 0;
  Neighbours near = neighbours(c, op.size, channels);
  for (Index j = near.begin; j < near.end; j++) {
    double value = static_cast<double>(x[j * spatial + s]);
    squares += value * value;
  }
  return op.k + op.alpha / static_cast<double>(op.size) * squares;
}

}  // namespace

KernelPtr prepare(const BatchNorm& op, const Signature& signature) {
  Sets sets = channelSets(signature.inputs[0].shape);
  return dispatchFloat(
      signature.inputs[0].dtype, [&, training = op.training, eps = op.eps]<class T>(Type<T>) -> KernelPtr {
        return inPlaceOf(
            {0}, makeKernel(signature, [=](const Run& run) {
              double momentum = std::get<BatchNorm>(run.op).momentum;
              const T *x = run.in<T>(0), *weight = run.in<T>(1), *bias = run.in<T>(2);
              T *runningMean = run.inOut<T>(3), *runningVar = run.inOut<T>(4);
              T *y = run.out<T>(0), *mean = run.out<T>(1), *invStd = run.out<T>(2);
              double count = static_cast<double>(sets.elements());
              for (Index c = 0; c < sets.count; c++) {
                Moments used = training
                                   ? momentsOf(x, sets, c)
                                   : Moments{static_cast<double>(runningMean[c]), static_cast<double>(runningVar[c])};
                if (training && runningMean && count > 0) {  // a batch of nothing teaches nothing
                  double unbiased = used.variance * count / (count - 1);
                  runningMean[c] =
                      static_cast<T>((1 - momentum) * static_cast<double>(runningMean[c]) + momentum * used.mean);
                  runningVar[c] =
                      static_cast<T>((1 - momentum) * static_cast<double>(runningVar[c]) + momentum * unbiased);
                }
                double scale = 1 / std::sqrt(used.variance + eps);
                mean[c] = static_cast<T>(used.mean);
                invStd[c] = static_cast<T>(scale);
                double w = weight ? static_cast<double>(weight[c]) : 1, b = bias ? static_cast<double>(bias[c]) : 0;
                for (Index block = 0; block < sets.blocks; block++) {
                  Index begin = sets.offset(c, block);
                  for (Index i = begin; i < begin + sets.length; i++) {
                    y[i] = static_cast<T>((static_cast<double>(x[i]) - used.mean) * scale * w + b);
                  }
                }
              }
            }));
      });
}

KernelPtr prepare(const BatchNormBackward& op, const Signature& signature) {
  Sets sets = channelSets(signature.inputs[0].shape);
  return dispatchFloat(signature.inputs[0].dtype, [&, training = op.training]<class T>(Type<T>) -> KernelPtr {
    return inPlaceOf(
        {0}, makeKernel(signature, [=](const Run& run) {
          const T *dy = run.in<T>(0), *x = run.in<T>(1), *weight = run.in<T>(2), *mean = run.in<T>(3),
                  *invStd = run.in<T>(4);
          T *dx = run.out<T>(0), *dw = run.out<T>(1), *db = run.out<T>(2);
          for (Index c = 0; c < sets.count; c++) {
            double center = static_cast<double>(mean[c]), scale = static_cast<double>(invStd[c]);
            auto normalised = [&](Index i) { return (static_cast<double>(x[i]) - center) * scale; };
            double sum = sumOver(sets, c, [&](Index i) { return static_cast<double>(dy[i]); });
            double sumX = sumOver(sets, c, [&](Index i) { return static_cast<double>(dy[i]) * normalised(i); });
            dw[c] = static_cast<T>(sumX);
            db[c] = static_cast<T>(sum);
            double w = weight ? static_cast<double>(weight[c]) : 1, count = static_cast<double>(sets.elements());
            // In evaluation the statistics are constants, so nothing flows through them.
            double meanDy = training ? sum / count : 0, meanDyX = training ? sumX / count : 0;
            for (Index block = 0; block < sets.blocks; block++) {
              Index begin = sets.offset(c, block);
              for (Index i = begin; i < begin + sets.length; i++) {
                dx[i] = static_cast<T>(scale * w * (static_cast<double>(dy[i]) - meanDy - normalised(i) * meanDyX));
              }
            }
          }
        }));
  });
}

KernelPtr prepare(const GroupNorm& op, const Signature& signature) {
  return prepareRows(signature, groupRows(signature.inputs[0].shape, op.groups), op.eps);
}

KernelPtr prepare(const GroupNormBackward& op, const Signature& signature) {
  return prepareRowsBackward(signature, groupRows(signature.inputs[0].shape, op.groups));
}

KernelPtr prepare(const LayerNorm& op, const Signature& signature) {
  return prepareRows(signature, layerRows(signature.inputs[0].shape, op.axes), op.eps);
}

KernelPtr prepare(const LayerNormBackward& op, const Signature& signature) {
  return prepareRowsBackward(signature, layerRows(signature.inputs[0].shape, op.axes));
}

KernelPtr prepare(const LocalResponseNorm& op, const Signature& signature) {
  const Dims& shape = signature.inputs[0].shape;
  Index samples = shape[0], channels = shape[1], spatial = shape.slice(2).product();
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const T* x = run.in<T>(0);
      T* y = run.out<T>(0);
      for (Index n = 0; n < samples; n++, x += channels * spatial) {
        for (Index c = 0; c < channels; c++) {
          for (Index s = 0; s < spatial; s++) {
            double base = lrnBase(op, x, c, s, channels, spatial);
            *y++ = static_cast<T>(static_cast<double>(x[c * spatial + s]) * std::pow(base, -op.beta));
          }
        }
      }
    });
  });
}

/// With d the base of each element: dx = dy·d^−beta − 2·alpha·beta/size · x · Σ over listeners of dy·x·d^(−beta−1).
KernelPtr prepare(const LocalResponseNormBackward& op, const Signature& signature) {
  const Dims& shape = signature.inputs[0].shape;
  Index samples = shape[0], channels = shape[1], spatial = shape.slice(2).product(), sample = channels * spatial;
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T *dy = run.in<T>(0), *x = run.in<T>(1);
          T* dx = run.out<T>(0);
          double* power = static_cast<double*>(run.workspace);  // d^−beta of one sample [C, spatial]
          double* through = power + sample;                     // dy·x·d^(−beta−1), likewise
          double factor = 2 * op.alpha * op.beta / static_cast<double>(op.size);
          for (Index n = 0; n < samples; n++, dy += sample, x += sample, dx += sample) {
            for (Index c = 0; c < channels; c++) {
              for (Index s = 0; s < spatial; s++) {
                Index i = c * spatial + s;
                double base = lrnBase(op, x, c, s, channels, spatial);
                power[i] = std::pow(base, -op.beta);
                through[i] = static_cast<double>(dy[i]) * static_cast<double>(x[i]) * power[i] / base;
              }
            }
            for (Index c = 0; c < channels; c++) {
              Neighbours far = listeners(c, op.size, channels);
              for (Index s = 0; s < spatial; s++) {
                Index i = c * spatial + s;
                double sum = 0;
                for (Index j = far.begin; j < far.end; j++) sum += through[j * spatial + s];
                dx[i] =
                    static_cast<T>(static_cast<double>(dy[i]) * power[i] - factor * static_cast<double>(x[i]) * sum);
              }
            }
          }
        },
        doubles(2 * sample));
  });
}

}  // namespace cnn::reference

// Reading and writing at positions given by an int32 tensor; each position is checked where it is used.
#include "loops.hpp"

namespace cnn::reference {
namespace {

Index checkedIndex(const char* op, std::int32_t index, Index axis, Index size) {
  if (index < 0 || index >= size) {
    fail(ErrorKind::value, op, ": index ", index, " is out of range for axis ", axis, " of size ", size);
  }
  return index;
}

/// Walks over indices (tensor 0) and the places of a tensor of `shape` (tensor 1) that they name along `axis`.
Walk<2> alongIndices(const Dims& indices, const Dims& shape, Index axis) {
  Dims strides = stridesOf(shape);
  strides[static_cast<int>(axis)] = 0;
  return Walk<2>(indices, {stridesOf(indices), strides});
}

}  // namespace

KernelPtr prepare(const OneHot& op, const Signature& signature) {
  Index count = signature.inputs[0].elements(), classes = op.classes;
  return makeKernel(signature, [=](const Run& run) {
    const std::int32_t* indices = run.in<std::int32_t>(0);
    std::int32_t* y = run.out<std::int32_t>(0);
    std::fill_n(y, count * classes, 0);
    for (Index i = 0; i < count; i++, y += classes) {
      if (indices[i] < 0 || indices[i] >= classes) {
        fail(ErrorKind::value, "oneHot: index ", indices[i], " is out of range for ", classes, " classes");
      }
      y[indices[i]] = 1;
    }
  });
}

KernelPtr prepare(const Gather& op, const Signature& signature) {
  const TensorDesc& x = signature.inputs[0];
  Walk<2> walk = alongIndices(signature.inputs[1].shape, x.shape, op.axis);
  Index axis = op.axis, size = x.shape[static_cast<int>(axis)], stride = stridesOf(x.shape)[static_cast<int>(axis)];
  return dispatchSize(x.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      walk.forEachRow([&](const auto& at) {
        const std::int32_t* indices = run.in<std::int32_t>(1) + at[0];
        const T* x = run.in<T>(0) + at[1];
        T* y = run.out<T>(0) + at[0];
        for (Index i = 0; i < walk.length(); i++) {
          y[i] = x[i * walk.step(1) + checkedIndex("gather", indices[i], axis, size) * stride];
        }
      });
    });
  });
}

KernelPtr prepare(const ScatterAdd& op, const Signature& signature) {
  const Dims& shape = signature.outputs[0].shape;
  Walk<2> walk = alongIndices(signature.inputs[1].shape, shape, op.axis);
  Index axis = op.axis, size = shape[static_cast<int>(axis)], stride = stridesOf(shape)[static_cast<int>(axis)];
  Index count = shape.product();
  return dispatchNumber(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          double* sums = static_cast<double*>(run.workspace);  // dx
          std::fill_n(sums, count, 0.0);
          walk.forEachRow([&](const auto& at) {
            const T* dy = run.in<T>(0) + at[0];
            const std::int32_t* indices = run.in<std::int32_t>(1) + at[0];
            for (Index i = 0; i < walk.length(); i++) {
              Index place = checkedIndex("scatterAdd", indices[i], axis, size) * stride;
              sums[at[1] + i * walk.step(1) + place] += static_cast<double>(dy[i]);
            }
          });
          narrowAll(run.out<T>(0), sums, count);
        },
        doubles(count));
  });
}

KernelPtr prepare(const IndexSelect& op, const Signature& signature) {
  const TensorDesc& x = signature.inputs[0];
  Split split(x.shape, op.axis);
  Index axis = op.axis, count = signature.inputs[1].elements();
  return dispatchSize(x.dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(signature, [=](const Run& run) {
      const std::int32_t* indices = run.in<std::int32_t>(1);
      T* y = run.out<T>(0);
      for (Index outer = 0; outer < split.outer; outer++) {
        for (Index i = 0; i < count; i++, y += split.inner) {
          Index place = checkedIndex("indexSelect", indices[i], axis, split.size);
          copyElements(y, run.in<T>(0) + (outer * split.size + place) * split.inner, split.inner);
        }
      }
    });
  });
}

KernelPtr prepare(const IndexAdd& op, const Signature& signature) {
  const Dims& shape = signature.outputs[0].shape;
  Split split(shape, op.axis);
  Index axis = op.axis, count = signature.inputs[1].elements(), all = shape.product();
  return dispatchNumber(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T* dy = run.in<T>(0);
          const std::int32_t* indices = run.in<std::int32_t>(1);
          double* sums = static_cast<double*>(run.workspace);  // dx
          std::fill_n(sums, all, 0.0);
          for (Index outer = 0; outer < split.outer; outer++) {
            for (Index i = 0; i < count; i++, dy += split.inner) {
              Index place = checkedIndex("indexAdd", indices[i], axis, split.size);
              double* to = sums + (outer * split.size + place) * split.inner;
              for (Index j = 0; j < split.inner; j++) to[j] += static_cast<double>(dy[j]);
            }
          }
          narrowAll(run.out<T>(0), sums, all);
        },
        doubles(all));
  });
}

}  // namespace cnn::reference

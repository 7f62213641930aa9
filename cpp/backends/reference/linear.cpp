// Matrix products, added up in double.
#include "loops.hpp"

namespace cnn::reference {
namespace {

/// One product: a [M, K] · b [K, N] → y [M, N], each factor with its own strides.
struct Product {
  Index m, k, n;
  Index rowA, columnA, rowB, columnB;
};

/// `sums` has room for a row of y; `bias` [N] or null.
template <class T>
void multiply(const Product& p, const T* a, const T* b, const T* bias, T* y, double* sums) {
  for (Index i = 0; i < p.m; i++, y += p.n) {
    for (Index j = 0; j < p.n; j++) sums[j] = bias ? static_cast<double>(bias[j]) : 0;
    const T* row = a + i * p.rowA;
    if (p.columnB == 1) {  // both orders of the loops give the same sums; each reads b along its rows
      for (Index k = 0; k < p.k; k++) {
        double factor = static_cast<double>(row[k * p.columnA]);
        for (Index j = 0; j < p.n; j++) sums[j] += factor * static_cast<double>(b[k * p.rowB + j]);
      }
    } else {
      for (Index j = 0; j < p.n; j++) {
        double sum = sums[j];
        for (Index k = 0; k < p.k; k++) {
          sum += static_cast<double>(row[k * p.columnA]) * static_cast<double>(b[k * p.rowB + j * p.columnB]);
        }
        sums[j] = sum;
      }
    }
    narrowAll(y, sums, p.n);
  }
}

}  // namespace

KernelPtr prepare(const Linear&, const Signature& signature) {
  const Dims &x = signature.inputs[0].shape, &weight = signature.inputs[1].shape;
  Index inputs = weight[1], outputs = weight[0];
  Product product = {x.slice(0, x.size() - 1).product(), inputs, outputs, inputs, 1, 1, inputs};
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          multiply(product, run.in<T>(0), run.in<T>(1), run.in<T>(2), run.out<T>(0),
                   static_cast<double*>(run.workspace));
        },
        doubles(outputs));
  });
}

KernelPtr prepare(const LinearBackwardWeight& op, const Signature& signature) {
  const Dims &x = signature.inputs[0].shape, &dy = signature.inputs[1].shape;
  Index rows = x.slice(0, x.size() - 1).product(), inputs = x.back(), outputs = dy.back();
  Product product = {outputs, rows, inputs, 1, outputs, inputs, 1};
  return dispatchFloat(signature.inputs[0].dtype, [&, bias = op.bias]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          const T* dy = run.in<T>(1);
          multiply<T>(product, dy, run.in<T>(0), nullptr, run.out<T>(0), static_cast<double*>(run.workspace));
          if (!bias) return;
          for (Index o = 0; o < outputs; o++) {
            double sum = 0;
            for (Index i = 0; i < rows; i++) sum += static_cast<double>(dy[i * outputs + o]);
            run.out<T>(1)[o] = static_cast<T>(sum);
          }
        },
        doubles(inputs));
  });
}

KernelPtr prepare(const MatMul& op, const Signature& signature) {
  const Dims &a = signature.inputs[0].shape, &b = signature.inputs[1].shape, &y = signature.outputs[0].shape;
  Product product{};
  product.m = y[y.size() - 2];
  product.n = y.back();
  product.k = op.transposeA ? a[a.size() - 2] : a.back();
  product.rowA = op.transposeA ? 1 : product.k;
  product.columnA = op.transposeA ? product.m : 1;
  product.rowB = op.transposeB ? 1 : product.n;
  product.columnB = op.transposeB ? product.k : 1;

  // Strides of the batch dimensions count whole matrices.
  Dims batch = y.slice(0, y.size() - 2);
  Dims batchA = a.slice(0, a.size() - 2), batchB = b.slice(0, b.size() - 2);
  Walk<2> batches(batch, {broadcastStrides(batchA, batch), broadcastStrides(batchB, batch)});
  return dispatchFloat(signature.inputs[0].dtype, [&]<class T>(Type<T>) -> KernelPtr {
    return makeKernel(
        signature,
        [=](const Run& run) {
          T* out = run.out<T>(0);
          batches.forEachRow([&](const auto& at) {
            for (Index i = 0; i < batches.length(); i++, out += product.m * product.n) {
              const T* left = run.in<T>(0) + (at[0] + i * batches.step(0)) * product.m * product.k;
              const T* right = run.in<T>(1) + (at[1] + i * batches.step(1)) * product.k * product.n;
              multiply<T>(product, left, right, nullptr, out, static_cast<double*>(run.workspace));
            }
          });
        },
        doubles(product.n));
  });
}

}  // namespace cnn::reference

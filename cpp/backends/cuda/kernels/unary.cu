// Functions of one tensor and their gradients: each thread takes four elements at a time. Bound by memory, whatever the
// function.
#include "backends/cuda/launch.cuh"
#include "elementwise.hpp"
#include "unary.cuh"

namespace cnn::cuda {
namespace kernels {

/// int32 keeps its parameters in double.
template <class T>
using Formula = UnaryFormula<std::conditional_t<std::is_same_v<T, std::int32_t>, double, Compute<T>>>;

/// y[i] = f(x[i]); `packs` whole packs, then one by one.
template <class T>
__global__ void unary(Formula<T> f, const T* x, T* y, Index packs, Index count) {
  for (Index i = gridIndex(); i < packs; i += gridStep()) {
    Pack<T> in = loadPack(x, i), out;
    for (int k = 0; k < 4; k++) out.at[k] = put<T>(value(f, get(in.at[k])));
    storePack(y, i, out);
  }
  for (Index i = 4 * packs + gridIndex(); i < count; i += gridStep()) y[i] = put<T>(value(f, get(x[i])));
}

/// isnan and logicalNot, of any type.
template <class T>
__global__ void unaryTruth(UnaryFunction f, const T* x, bool* y, Index packs, Index count) {
  for (Index i = gridIndex(); i < packs; i += gridStep()) {
    Pack<T> in = loadPack(x, i);
    Pack<bool> out;
    for (int k = 0; k < 4; k++) out.at[k] = truth(f, get(in.at[k]));
    storePack(y, i, out);
  }
  for (Index i = 4 * packs + gridIndex(); i < count; i += gridStep()) y[i] = truth(f, get(x[i]));
}

/// dx[i] = dy[i]·f'(v[i]); v null: the function needs none.
template <class T>
__global__ void unaryBackward(UnaryFormula<Compute<T>> f, const T* dy, const T* v, T* dx, Index packs, Index count) {
  for (Index i = gridIndex(); i < packs; i += gridStep()) {
    Pack<T> g = loadPack(dy, i), at = v ? loadPack(v, i) : Pack<T>{}, out;
    for (int k = 0; k < 4; k++) out.at[k] = put<T>(gradient(f, get(g.at[k]), v ? get(at.at[k]) : Compute<T>(0)));
    storePack(dx, i, out);
  }
  for (Index i = 4 * packs + gridIndex(); i < count; i += gridStep()) {
    dx[i] = put<T>(gradient(f, get(dy[i]), v ? get(v[i]) : Compute<T>(0)));
  }
}

}  // namespace kernels

namespace {

template <class C>
kernels::UnaryFormula<C> formula(const UnaryCall& call) {
  return {call.function, static_cast<C>(call.alpha), static_cast<C>(call.beta)};
}

template <class T>
void launchTruth(cudaStream_t stream, UnaryFunction f, const void* x, void* y, Index count) {
  const T* from = static_cast<const T*>(x);
  bool* to = static_cast<bool*>(y);
  launch<kernels::unaryTruth<T>>(stream, gridFor((count + 3) / 4), f, from, to, kernels::packsOf(count, from, to),
                                 count);
}

}  // namespace

void launchUnary(cudaStream_t stream, DType dtype, const UnaryCall& call, const void* x, void* y, Index count) {
  if (count == 0) return;
  if (givesBool(call.function)) {
    if (dtype == DType::uint8) return launchTruth<std::uint8_t>(stream, call.function, x, y, count);
    if (dtype == DType::boolean) return launchTruth<bool>(stream, call.function, x, y, count);
    return kernels::dispatchArithmetic(dtype,
                                       [&]<class T>(Type<T>) { launchTruth<T>(stream, call.function, x, y, count); });
  }
  kernels::dispatchArithmetic(dtype, [&]<class T>(Type<T>) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    using C = decltype(kernels::Formula<T>::alpha);
    launch<kernels::unary<T>>(stream, gridFor((count + 3) / 4), formula<C>(call), from, to,
                              kernels::packsOf(count, from, to), count);
  });
}

void launchUnaryBackward(cudaStream_t stream, DType dtype, const UnaryCall& call, const void* dy, const void* v,
                         void* dx, Index count) {
  if (count == 0) return;
  kernels::dispatchReal(dtype, [&]<class T>(Type<T>) {
    const T *g = static_cast<const T*>(dy), *at = static_cast<const T*>(v);
    T* to = static_cast<T*>(dx);
    launch<kernels::unaryBackward<T>>(stream, gridFor((count + 3) / 4), formula<kernels::Compute<T>>(call), g, at, to,
                                      kernels::packsOf(count, g, at, to), count);
  });
}

}  // namespace cnn::cuda

// Conversion between element types, four elements at a time.
#include "backends/cuda/launch.cuh"
#include "device.cuh"
#include "elementwise.hpp"

namespace cnn::cuda {
namespace kernels {

/// Numbers go through float32 unless float64 is at one end: it keeps all that the other types distinguish.
template <class From, class To>
using Between = std::conditional_t<std::is_same_v<From, double> || std::is_same_v<To, double>, double, float>;

/// Integers truncate and saturate (NaN: 0), bool is whether it is not 0, floats round to nearest.
template <class To, class C>
__device__ inline To narrow(C value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != C(0);
  } else if constexpr (std::is_integral_v<To>) {
    if (isNaN(value)) return 0;
    if (value <= static_cast<C>(lowest<To>)) return lowest<To>;
    return value >= static_cast<C>(highest<To>) ? highest<To> : static_cast<To>(value);
  } else if constexpr (isHalf<To>) {
    return put<To>(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

template <class From, class To>
__device__ inline To converted(From value) {
  return narrow<To>(static_cast<Between<From, To>>(get(value)));
}

template <class From, class To>
__global__ void cast(const From* x, To* y, Index packs, Index count) {
  for (Index i = gridIndex(); i < packs; i += gridStep()) {
    Pack<From> in = loadPack(x, i);
    Pack<To> out;
    for (int k = 0; k < 4; k++) out.at[k] = converted<From, To>(in.at[k]);
    storePack(y, i, out);
  }
  for (Index i = 4 * packs + gridIndex(); i < count; i += gridStep()) y[i] = converted<From, To>(x[i]);
}

}  // namespace kernels

namespace {

template <class F>
void dispatchAny(DType dtype, F&& f) {
  if (dtype == DType::uint8) return f(Type<std::uint8_t>{});
  if (dtype == DType::boolean) return f(Type<bool>{});
  kernels::dispatchArithmetic(dtype, f);
}

}  // namespace

void launchCast(cudaStream_t stream, DType from, DType to, const void* x, void* y, Index count) {
  if (count == 0) return;
  dispatchAny(from, [&]<class From>(Type<From>) {
    dispatchAny(to, [&]<class To>(Type<To>) {
      if constexpr (std::is_same_v<From, To>) {
        CHECK(cudaMemcpyAsync(y, x, static_cast<std::size_t>(count) * sizeof(To), cudaMemcpyDeviceToDevice, stream));
      } else {
        const From* in = static_cast<const From*>(x);
        To* out = static_cast<To*>(y);
        launch<kernels::cast<From, To>>(stream, gridFor((count + 3) / 4), in, out, kernels::packsOf(count, in, out),
                                        count);
      }
    });
  });
}

}  // namespace cnn::cuda

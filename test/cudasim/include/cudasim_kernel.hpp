// Registers a kernel that was compiled for the CPU, with the types of its parameters.
#pragma once

#include <utility>

#include "runtime/kernels.hpp"

namespace cudasim {

template <class Function>
struct KernelOf;

template <class... Parameters>
struct KernelOf<void (*)(Parameters...)> {
  static constexpr Parameter parameters[] = {{sizeof(Parameters), std::is_pointer_v<Parameters>}..., {0, false}};

  template <void (*kernel)(Parameters...), std::size_t... i>
  static void call(void* const* arguments, std::index_sequence<i...>) {
    kernel(*static_cast<std::remove_cv_t<Parameters>*>(arguments[i])...);
  }
  template <void (*kernel)(Parameters...)>
  static void invoke(void* const* arguments) {
    call<kernel>(arguments, std::index_sequence_for<Parameters...>());
  }
  template <void (*kernel)(Parameters...)>
  static bool add() {
    return registerKernel(reinterpret_cast<const void*>(kernel), {parameters, sizeof...(Parameters), invoke<kernel>});
  }
};

/// Mentioning isRegistered<kernel> registers it while its library is opened.
template <auto kernel>
inline const bool isRegistered = KernelOf<decltype(kernel)>::template add<kernel>();

}  // namespace cudasim

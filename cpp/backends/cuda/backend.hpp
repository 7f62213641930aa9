// The cuda backend: cuDNN for convolution, pooling and norms, cuBLASLt for matrix products, own kernels for the rest.
#pragma once

#include "core/plugin.hpp"

namespace cnn::cuda {

/// The devices that the driver knows. Makes a context on those alone for which the plugin was not compiled, to ask
/// whether they can be used.
std::vector<DeviceInfo> listDevices();
/// `options` are CudaOptions.
std::unique_ptr<Backend> makeBackend(int ordinal, const BackendOptions& options);

}  // namespace cnn::cuda

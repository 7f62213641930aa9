// Tensors across the border: made from typed arrays, described, read back, freed.
#include <cstring>

#include "arguments.hpp"
#include "core/trace.hpp"
#include "exports.hpp"

namespace cnn {

namespace {

// fromData(device, dtype, shape, typed array | ArrayBuffer) → handle: the bytes are the plain content.
napi_value fromData(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Arguments<4> arguments(env, info);
    DevicePtr device = environment.device(readString(env, arguments[0], {"tensor", "device"}));
    TensorDesc desc(DType::float32, Dims());
    readField(env, arguments[1], desc.dtype, {"tensor", "dtype"});
    readField(env, arguments[2], desc.shape, {"tensor", "shape"});
    for (Index size : desc.shape) {
      if (size < 0) fail(ErrorKind::shape, "tensor: its shape is ", desc.shape, ", expected no negative size");
    }
    void* data = nullptr;
    std::size_t bytes = 0;
    bool isTyped = false, isBuffer = false;
    napi_is_typedarray(env, arguments[3], &isTyped);
    napi_is_arraybuffer(env, arguments[3], &isBuffer);
    if (isTyped) {
      napi_typedarray_type type;
      std::size_t length, offset;
      napi_value buffer;
      napi_get_typedarray_info(env, arguments[3], &type, &length, &data, &buffer, &offset);
      static constexpr std::size_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
      bytes = length * sizes[type];
    } else if (isBuffer) {
      napi_get_arraybuffer_info(env, arguments[3], &data, &bytes);
    } else {
      fail(ErrorKind::value, "tensor: its data is ", typeName(env, arguments[3]), ", expected a typed array or an ArrayBuffer");
    }
    double expected = static_cast<double>(sizeOf(desc.dtype));
    for (Index size : desc.shape) expected *= static_cast<double>(size);
    if (static_cast<double>(bytes) != expected) {
      fail(ErrorKind::shape, "tensor: its data has ", bytes, " bytes, expected ", expected, " for ", toString(desc));
    }
    return toJs(env, environment.add(fromHost(environment.session, device, desc, data)));
  });
}

const Tensor& tensorArgument(napi_env env, napi_value value) {
  double handle = readNumber(env, value, {"tensor", "handle"});
  return Environment::of(env).handles.get(handle);
}

napi_value shapeOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { return toJs(env, tensorArgument(env, Arguments<1>(env, info)[0]).shape()); });
}
napi_value dtypeOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { return toJs(env, toString(tensorArgument(env, Arguments<1>(env, info)[0]).dtype())); });
}
napi_value deviceOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { return toJs(env, std::string_view(tensorArgument(env, Arguments<1>(env, info)[0]).device()->name())); });
}

napi_value dispose(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment::of(env).remove(readNumber(env, Arguments<1>(env, info)[0], {"dispose", "handle"}));
    return undefined(env);
  });
}

napi_value isAlive(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { return toJs(env, Environment::of(env).handles.isAlive(readNumber(env, Arguments<1>(env, info)[0], {"tensor", "handle"}))); });
}

// alias(handle) → a second handle of the same tensor; detach(handle) → the same memory outside the gradient graph.
napi_value alias(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { return toJs(env, Environment::of(env).add(tensorArgument(env, Arguments<1>(env, info)[0]))); });
}
napi_value detach(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    const Tensor tensor = tensorArgument(env, Arguments<1>(env, info)[0]);
    Tensor result = tensor.detach();
    if (environment.session.trace) environment.session.trace->addAlias(tensor, result);
    return toJs(env, environment.add(std::move(result)));
  });
}

napi_value toDeviceNamed(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Arguments<2> arguments(env, info);
    const Tensor& tensor = tensorArgument(env, arguments[0]);
    DevicePtr device = environment.device(readString(env, arguments[1], {"to", "device"}));
    return toJs(env, environment.add(toDevice(environment.session, tensor, device)));
  });
}

// The bytes of a finished read, given to JavaScript without a second copy where the runtime allows it.
napi_value toArrayBuffer(napi_env env, std::unique_ptr<std::byte[]> bytes, std::size_t size) {
  napi_value buffer = nullptr;
  if (size > 4096) {
    auto free = [](napi_env, void* data, void*) { delete[] static_cast<std::byte*>(data); };
    if (napi_create_external_arraybuffer(env, bytes.get(), size, free, nullptr, &buffer) == napi_ok) {
      static_cast<void>(bytes.release());
      return buffer;
    }
  }
  void* data = nullptr;
  checked(napi_create_arraybuffer(env, size, &data, &buffer));
  if (size) std::memcpy(data, bytes.get(), size);
  return buffer;
}

napi_value read(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Tensor tensor = tensorArgument(env, Arguments<1>(env, info)[0]);
    std::size_t size = tensor.desc().plainBytes();
    napi_value promise = environment.promise([&](napi_deferred deferred) {
      readHost(environment.session, tensor, [&environment, deferred, size](const void* data, const Error* error) {
        std::optional<Error> failure;
        auto owned = std::make_shared<std::unique_ptr<std::byte[]>>();
        if (error) {
          failure = *error;
        } else {
          *owned = std::make_unique<std::byte[]>(size);
          if (size) std::memcpy(owned->get(), data, size);
        }
        environment.settleLater(deferred, [owned, size, failure](napi_env env) {
          if (failure) throw Error(*failure);
          return toArrayBuffer(env, std::move(*owned), size);
        });
      });
    });
    environment.awaitBriefly(*tensor.device());
    return promise;
  });
}

napi_value readSync(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Tensor tensor = tensorArgument(env, Arguments<1>(env, info)[0]);
    std::size_t size = tensor.desc().plainBytes();
    auto bytes = std::make_unique<std::byte[]>(size);
    readHostSync(environment.session, tensor, bytes.get());
    return toArrayBuffer(env, std::move(bytes), size);
  });
}

napi_value handleCount(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, static_cast<double>(Environment::of(env).handles.size())); });
}

}  // namespace

void exportTensors(Napi::Env env, Napi::Object exports) {
  define(env, exports, "fromData", fromData);
  define(env, exports, "shape", shapeOf);
  define(env, exports, "dtype", dtypeOf);
  define(env, exports, "device", deviceOf);
  define(env, exports, "dispose", dispose);
  define(env, exports, "isAlive", isAlive);
  define(env, exports, "alias", alias);
  define(env, exports, "detach", detach);
  define(env, exports, "toDevice", toDeviceNamed);
  define(env, exports, "read", read);
  define(env, exports, "readSync", readSync);
  define(env, exports, "handleCount", handleCount);
}

}  // namespace cnn

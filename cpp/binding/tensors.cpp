// Tensors across the border: made from typed arrays, described, read back, freed.
#include <cstring>

#include "arguments.hpp"
#include "core/trace.hpp"
#include "exports.hpp"
#include "ops/check.hpp"

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
    check::checkedShape("tensor", desc.dtype, desc.shape);
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
      fail(ErrorKind::value, "tensor: its data is ", typeName(env, arguments[3]),
           ", expected a typed array or an ArrayBuffer");
    }
    double expected = static_cast<double>(sizeOf(desc.dtype));
    for (Index size : desc.shape) expected *= static_cast<double>(size);
    if (static_cast<double>(bytes) != expected) {
      fail(ErrorKind::shape, "tensor: its data has ", bytes, " bytes, expected ", expected, " for ", toString(desc));
    }
    return toJs(env, environment.add(fromHost(environment.session, device, desc, data)));
  });
}

// A tensor whose element i is make(i), written piece by piece on the queue's thread: nowhere else lies more than a
// piece of it.
template <class Make>
Tensor generate(Session& session, const DevicePtr& device, const TensorDesc& desc, Make make) {
  Tensor tensor = Tensor::empty(device, desc);
  if (session.trace) session.trace->addConstant(tensor);
  auto write = [&backend = device->backend(), target = static_cast<std::byte*>(tensor->storage->data()),
                count = desc.elements(), dtype = desc.dtype, make] {
    auto writeAs = [&]<class T>(T, auto valueAt) {
      constexpr Index most = 8192;
      std::vector<T> piece(static_cast<std::size_t>(std::min(most, count)));
      for (Index first = 0; first < count; first += most) {
        const Index length = std::min(most, count - first);
        for (Index i = 0; i < length; i++) piece[static_cast<std::size_t>(i)] = static_cast<T>(valueAt(first + i));
        backend.copyFromHost(target + static_cast<std::size_t>(first) * sizeof(T), piece.data(),
                             static_cast<std::size_t>(length) * sizeof(T));
      }
    };
    switch (dtype) {
      case DType::float64: return writeAs(double{}, make);
      case DType::int32: return writeAs(std::int32_t{}, make);
      case DType::uint8: return writeAs(std::uint8_t{}, make);
      case DType::boolean: return writeAs(std::uint8_t{}, [&](Index i) { return make(i) != 0 ? 1 : 0; });
      default: return writeAs(float{}, make);
    }
  };
  constexpr Index small = 4096;
  if (desc.elements() <= small && device->backend().isHostMemory() && device->queue().isIdle()) {
    write();
  } else {
    device->queue().push(write, session.client());
  }
  return tensor;
}

// The dtype of what `generate` writes.
DType generatedType(napi_env env, napi_value value, Place place) {
  DType dtype = DType::float32;
  readField(env, value, dtype, place);
  if (isHalf(dtype)) fail(ErrorKind::dtype, place.op, ": dtype is '", dtype, "', expected another; cast to it");
  return dtype;
}

// range(op, device, dtype, length, first, step) → handle: first + i·step, towards zero for integers
napi_value range(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Arguments<6> arguments(env, info);
    std::string op = readString(env, arguments[0], {"arange", "op"});
    DevicePtr device = environment.device(readString(env, arguments[1], {op, "device"}));
    const DType dtype = generatedType(env, arguments[2], {op, "dtype"});
    const TensorDesc desc = check::checkedShape(op, dtype, Dims{readInteger(env, arguments[3], {op, "length"})});
    const double first = readNumber(env, arguments[4], {op, "first"}),
                 step = readNumber(env, arguments[5], {op, "step"});
    if (desc.elements() > 0) {
      const double last = first + static_cast<double>(desc.elements() - 1) * step;
      const bool isWhole = dtype == DType::int32 || dtype == DType::uint8;
      for (double each : {first, last})
        check::representable(op, "a number of it",
                             isWhole                   ? std::trunc(each)
                             : dtype == DType::boolean ? 0
                                                       : each,
                             dtype);
    }
    auto make = [=](Index i) { return first + static_cast<double>(i) * step; };
    return toJs(env, environment.add(generate(environment.session, device, desc, make)));
  });
}

// eye(device, dtype, n) → handle
napi_value eye(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Arguments<3> arguments(env, info);
    DevicePtr device = environment.device(readString(env, arguments[0], {"eye", "device"}));
    const DType dtype = generatedType(env, arguments[1], {"eye", "dtype"});
    const Index n = readInteger(env, arguments[2], {"eye", "n"});
    const TensorDesc desc = check::checkedShape("eye", dtype, Dims{n, n});
    return toJs(env, environment.add(generate(environment.session, device, desc,
                                              [n](Index i) { return i % (n + 1) == 0 ? 1.0 : 0.0; })));
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
  return guarded(env, [&] {
    return toJs(env, std::string_view(tensorArgument(env, Arguments<1>(env, info)[0]).device()->name()));
  });
}

napi_value dispose(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment::of(env).remove(readNumber(env, Arguments<1>(env, info)[0], {"dispose", "handle"}));
    return undefined(env);
  });
}

// disposedText(handle) → type and shape of the tensor that had this handle until lately
napi_value disposedText(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    TensorDesc desc =
        Environment::of(env).handles.lastDesc(readNumber(env, Arguments<1>(env, info)[0], {"tensor", "handle"}));
    return toJs(env, std::string_view(desc.defined ? toString(TensorDesc(desc.dtype, desc.shape)) : std::string()));
  });
}

// alias(handle) → a second handle of the same tensor; detach(handle) → the same memory outside the gradient graph.
napi_value alias(napi_env env, napi_callback_info info) {
  return guarded(env,
                 [&] { return toJs(env, Environment::of(env).add(tensorArgument(env, Arguments<1>(env, info)[0]))); });
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

napi_value copiedArrayBuffer(napi_env env, const std::byte* bytes, std::size_t size) {
  napi_value buffer = nullptr;
  void* data = nullptr;
  checked(napi_create_arraybuffer(env, size, &data, &buffer));
  if (size) std::memcpy(data, bytes, size);
  return buffer;
}

// The bytes of a finished read, given to JavaScript without a second copy where the runtime allows it.
napi_value toArrayBuffer(napi_env env, std::unique_ptr<std::byte[]> bytes, std::size_t size) {
  if (size > 4096) {
    napi_value buffer = nullptr;
    auto free = [](napi_env, void* data, void*) { delete[] static_cast<std::byte*>(data); };
    if (napi_create_external_arraybuffer(env, bytes.get(), size, free, nullptr, &buffer) == napi_ok) {
      static_cast<void>(bytes.release());
      return buffer;
    }
  }
  return copiedArrayBuffer(env, bytes.get(), size);
}

napi_value read(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Tensor tensor = tensorArgument(env, Arguments<1>(env, info)[0]);
    std::size_t size = tensor.desc().plainBytes();
    auto bytes = std::make_shared<std::unique_ptr<std::byte[]>>(tensor.device()->allocator().allocateHost(size));
    napi_value promise =
        environment.promise([bytes, size](napi_env env) { return toArrayBuffer(env, std::move(*bytes), size); },
                            [&](const SettlementPtr& settlement) {
                              readHost(environment.session, tensor, bytes->get(),
                                       [settler = environment.settler(), settlement, bytes](const FailurePtr& failure) {
                                         settler->settle(settlement, failure);
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
    auto bytes = tensor.device()->allocator().allocateHost(size);
    readHostSync(environment.session, tensor, bytes.get());
    // Node frees lent memory when the event loop turns, and a loop of such reads does not let it.
    return copiedArrayBuffer(env, bytes.get(), size);
  });
}

napi_value handleCount(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, static_cast<double>(Environment::of(env).handles.size())); });
}

}  // namespace

void exportTensors(Napi::Env env, Napi::Object exports) {
  define(env, exports, "fromData", fromData);
  define(env, exports, "range", range);
  define(env, exports, "eye", eye);
  define(env, exports, "shape", shapeOf);
  define(env, exports, "dtype", dtypeOf);
  define(env, exports, "device", deviceOf);
  define(env, exports, "dispose", dispose);
  define(env, exports, "disposedText", disposedText);
  define(env, exports, "alias", alias);
  define(env, exports, "detach", detach);
  define(env, exports, "toDevice", toDeviceNamed);
  define(env, exports, "read", read);
  define(env, exports, "readSync", readSync);
  define(env, exports, "handleCount", handleCount);
}

}  // namespace cnn

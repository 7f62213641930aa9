// Autograd across the border: which tensors want a gradient, backward, grad, the gradient mode and autocast.
#include "arguments.hpp"
#include "autograd/tape.hpp"
#include "core/trace.hpp"
#include "exports.hpp"

namespace cnn {

namespace {

Tensor tensorAt(napi_env env, napi_value value, std::string_view op, std::string_view field, bool isOptional = false) {
  return readTensor(env, Environment::of(env), value, {op, field}, isOptional);
}
bool boolAt(napi_env env, napi_value value, std::string_view op, std::string_view field) {
  bool result = false;
  readField(env, value, result, {op, field});
  return result;
}

napi_value requiresGrad(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    return toJs(env, tensorAt(env, Arguments<1>(env, info)[0], "requiresGrad", "tensor").requiresGrad());
  });
}

napi_value isLeaf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { return toJs(env, !tensorAt(env, Arguments<1>(env, info)[0], "isLeaf", "tensor")->node); });
}

napi_value setRequiresGrad(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    Tensor tensor = tensorAt(env, arguments[0], "requiresGrad_", "tensor");
    bool wanted = boolAt(env, arguments[1], "requiresGrad_", "requiresGrad");
    if (wanted && !isFloat(tensor.dtype())) {
      fail(ErrorKind::dtype, "requiresGrad_: the tensor is ", toString(tensor.desc()),
           ", expected a floating-point type: others have no gradient");
    }
    if (!wanted && tensor->node)
      fail(ErrorKind::gradient, "requiresGrad_: only a leaf can stop to require a gradient; use detach()");
    Session& session = Environment::of(env).session;
    if (session.trace) session.trace->touchRequiresGrad(tensor.impl());
    tensor->requiresGrad = wanted;
    return undefined(env);
  });
}

// grad(handle) → a new handle of its gradient, or 0.
napi_value gradOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Tensor tensor = tensorAt(env, Arguments<1>(env, info)[0], "grad", "tensor");
    Environment& environment = Environment::of(env);
    if (environment.session.trace) environment.session.trace->touchGradient(tensor.impl(), true);
    return toJs(env, environment.add(Tensor(tensor->grad)));
  });
}

napi_value setGrad(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    Tensor tensor = tensorAt(env, arguments[0], "grad", "tensor");
    Tensor gradient = tensorAt(env, arguments[1], "grad", "gradient", true);
    if (gradient && (!(gradient.shape() == tensor.shape()) || gradient.dtype() != tensor.dtype() ||
                     gradient.device() != tensor.device())) {
      fail(ErrorKind::shape, "grad: the gradient is ", toString(gradient.desc()), " on ", gradient.device()->name(),
           ", expected ", toString(tensor.desc()), " on ", tensor.device()->name());
    }
    Session& session = Environment::of(env).session;
    if (session.trace) session.trace->touchGradient(tensor.impl(), false);
    tensor->grad = gradient.impl();
    return undefined(env);
  });
}

// backward(root, seed | 0, retainGraph, createGraph)
napi_value runBackward(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<4> arguments(env, info);
    backward(Environment::of(env).session, tensorAt(env, arguments[0], "backward", "tensor"),
             tensorAt(env, arguments[1], "backward", "gradient", true),
             boolAt(env, arguments[2], "backward", "retainGraph"),
             boolAt(env, arguments[3], "backward", "createGraph"));
    return undefined(env);
  });
}

// gradients(root, seed | 0, inputs, retainGraph, createGraph) → handles, 0 where root does not depend on an input
napi_value gradients(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    Arguments<5> arguments(env, info);
    Tensors inputs;
    std::uint32_t length = readArrayLength(env, arguments[2], {"grad", "inputs"}, "an array of tensors");
    for (std::uint32_t i = 0; i < length; i++) {
      napi_value entry = readElement(env, arguments[2], i);
      inputs.push_back(tensorAt(env, entry, "grad", "inputs"));
      if (!inputs.back().requiresGrad())
        fail(ErrorKind::gradient, "grad: input ", i, " ", toString(inputs.back().desc()),
             " does not require a gradient");
    }
    return toJs(
        env, environment,
        grad(environment.session, tensorAt(env, arguments[0], "grad", "tensor"),
             tensorAt(env, arguments[1], "grad", "gradient", true), inputs,
             boolAt(env, arguments[3], "grad", "retainGraph"), boolAt(env, arguments[4], "grad", "createGraph")));
  });
}

napi_value gradEnabled(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, Environment::of(env).session.gradEnabled); });
}
napi_value setGradEnabled(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment::of(env).session.gradEnabled = boolAt(env, Arguments<1>(env, info)[0], "setGradEnabled", "enabled");
    return undefined(env);
  });
}

// autocast() → the type in which products compute: float32 where autocast is off
napi_value autocastType(napi_env env, napi_callback_info) {
  return guarded(env,
                 [&] { return toJs(env, toString(Environment::of(env).session.autocast.value_or(DType::float32))); });
}
napi_value setAutocast(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Session& session = Environment::of(env).session;
    DType dtype = DType::float32;
    readField(env, Arguments<1>(env, info)[0], dtype, {"autocast", "dtype"});
    if (accumulationType(dtype) != DType::float32)
      fail(ErrorKind::dtype, "autocast: dtype is ", dtype, ", expected bfloat16 or float16, or float32 for none");
    session.autocast = isHalf(dtype) ? std::optional(dtype) : std::nullopt;
    if (!session.autocast) session.casts.reset();
    return undefined(env);
  });
}

}  // namespace

void exportGradients(Napi::Env env, Napi::Object exports) {
  define(env, exports, "requiresGrad", requiresGrad);
  define(env, exports, "setRequiresGrad", setRequiresGrad);
  define(env, exports, "isLeaf", isLeaf);
  define(env, exports, "grad", gradOf);
  define(env, exports, "setGrad", setGrad);
  define(env, exports, "backward", runBackward);
  define(env, exports, "gradients", gradients);
  define(env, exports, "gradEnabled", gradEnabled);
  define(env, exports, "setGradEnabled", setGradEnabled);
  define(env, exports, "autocast", autocastType);
  define(env, exports, "setAutocast", setAutocast);
}

}  // namespace cnn

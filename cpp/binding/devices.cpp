// Devices, memory, random numbers and threads across the border.
#include "arguments.hpp"
#include "core/cpu_plugin.hpp"
#include "exports.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace cnn {

namespace {

DevicePtr deviceArgument(napi_env env, napi_value value, std::string_view op) {
  return Environment::of(env).device(readString(env, value, {op, "device"}));
}

Napi::Object optionsToJs(Napi::Env env, const CudaOptions& options) {
  auto object = Napi::Object::New(env);
  object.Set("allowTf32", options.allowTf32);
  object.Set("deterministic", options.deterministic);
  object.Set("benchmark", options.benchmark);
  object.Set("workspaceLimit", static_cast<double>(options.workspaceLimit));
  return object;
}

napi_value devices(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    auto array = Napi::Array::New(env);
    for (const DeviceInfo& info : listDevices()) {
      auto entry = Napi::Object::New(env);
      entry.Set("name", info.name);
      entry.Set("description", info.description);
      if (!info.product.empty()) {
        auto cuda = Napi::Object::New(env);
        cuda.Set("product", info.product);
        cuda.Set("computeCapability", info.computeCapability);
        cuda.Set("memory", static_cast<double>(info.memoryBytes));
        cuda.Set("multiprocessors", info.multiprocessors);
        cuda.Set("options", optionsToJs(env, getCudaOptions()));
        if (!info.warning.empty()) cuda.Set("warning", info.warning);
        entry.Set("cuda", cuda);
      }
      array.Set(array.Length(), entry);
    }
    return napi_value(array);
  });
}

// whyNoCuda() → the sentence that says what is missing; empty where there are cuda devices
napi_value whyNoCuda(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, std::string_view(cudaStatus().missing)); });
}

// cpuLevels() → the levels of instructions that the cpu device may be opened with, the best first
napi_value levels(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    auto array = Napi::Array::New(env);
    for (const std::string& level : cpuLevels()) array.Set(array.Length(), level);
    return napi_value(array);
  });
}

napi_value cudaOptions(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return napi_value(optionsToJs(env, getCudaOptions())); });
}

// setCudaOptions(allowTf32, deterministic, benchmark, workspaceLimit)
napi_value setCudaOptions(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<4> arguments(env, info);
    constexpr std::string_view name = "setCudaOptions";
    CudaOptions options;
    readField(env, arguments[0], options.allowTf32, {name, "allowTf32"});
    readField(env, arguments[1], options.deterministic, {name, "deterministic"});
    readField(env, arguments[2], options.benchmark, {name, "benchmark"});
    Index bytes = readInteger(env, arguments[3], {name, "workspaceLimit"});
    if (bytes < 0) fail(ErrorKind::value, name, ": workspaceLimit is ", bytes, ", expected 0 or more bytes");
    options.workspaceLimit = static_cast<std::size_t>(bytes);
    cnn::setCudaOptions(options);
    return undefined(env);
  });
}

// openDevice(name) → the name of the device that 'auto' (or the name itself) stands for
napi_value openNamed(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    return toJs(env, std::string_view(deviceArgument(env, Arguments<1>(env, info)[0], "device")->name()));
  });
}

napi_value memory(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    DevicePtr device = deviceArgument(env, Arguments<1>(env, info)[0], "memory");
    MemoryFigures figures = device->allocator().figures();
    auto object = Napi::Object::New(env);
    object.Set("live", static_cast<double>(figures.live));
    object.Set("reserved", static_cast<double>(figures.reserved));
    object.Set("peak", static_cast<double>(figures.peak));
    object.Set("limit", static_cast<double>(figures.limit));
    object.Set("tensors", static_cast<double>(figures.tensors));
    object.Set("kernels", static_cast<double>(device->cachedKernels()));
    return napi_value(object);
  });
}

// kernelKinds(device) → whose kernels were prepared so far for each kind of op
napi_value kernelKinds(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    auto array = Napi::Array::New(env);
    for (const std::string& each : deviceArgument(env, Arguments<1>(env, info)[0], "kernelKinds")->kernelKinds())
      array.Set(array.Length(), each);
    return napi_value(array);
  });
}

// heapBytes() → what the process holds from malloc, to the byte: a leak shows here at once, where the size of the
// process drowns it in the pages that V8 takes and returns. 0 where the C library does not tell (before glibc 2.33,
// under a sanitizer).
napi_value heapBytes(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();
    return toJs(env, static_cast<double>(info.uordblks + info.hblkhd));
#else
    return toJs(env, 0.0);
#endif
  });
}

napi_value setMemoryLimit(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    Index bytes = readInteger(env, arguments[1], {"setMemoryLimit", "bytes"});
    if (bytes < 0) fail(ErrorKind::value, "setMemoryLimit: bytes is ", bytes, ", expected 0 (no limit) or more");
    deviceArgument(env, arguments[0], "setMemoryLimit")->allocator().setLimit(static_cast<std::size_t>(bytes));
    return undefined(env);
  });
}

napi_value resetPeak(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    deviceArgument(env, Arguments<1>(env, info)[0], "resetPeak")->allocator().resetPeak();
    return undefined(env);
  });
}

napi_value trim(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    deviceArgument(env, Arguments<1>(env, info)[0], "trim")->allocator().trim();
    return undefined(env);
  });
}

// synchronize(device) → a promise that settles when all queued so far is done; it rejects with a failure that nobody
// was told of
napi_value synchronize(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    DevicePtr device = deviceArgument(env, Arguments<1>(env, info)[0], "synchronize");
    napi_value promise =
        environment.promise([](napi_env env) { return undefined(env); },
                            [&](const SettlementPtr& settlement) {
                              finish(environment.session, *device,
                                     [settler = environment.settler(), settlement](const FailurePtr& failure) {
                                       settler->settle(settlement, failure);
                                     });
                            });
    environment.awaitBriefly(*device);
    return promise;
  });
}

napi_value synchronizeSync(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    finishSync(environment.session, *deviceArgument(env, Arguments<1>(env, info)[0], "synchronize"));
    return undefined(env);
  });
}

// unreadFailures(isPatient) → the errors of ops that nobody was told of, who is told now; null if patient while
// somebody waits for a read, which may tell of them
napi_value unreadFailures(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    Environment& environment = Environment::of(env);
    bool isPatient = false;
    readField(env, Arguments<1>(env, info)[0], isPatient, {"unreadFailures", "isPatient"});
    if (isPatient && environment.isAwaited()) return Napi::Env(env).Null();
    auto list = Napi::Array::New(env);
    for (const FailurePtr& failure : environment.session.failures()->takeAll()) {
      environment.session.failures()->hand(*failure);
      if (napi_value error = environment.toJs(failure->error)) list.Set(list.Length(), Napi::Value(env, error));
    }
    return list;
  });
}

napi_value setFailureListener(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment::of(env).setFailureListener(Arguments<1>(env, info)[0]);
    return undefined(env);
  });
}

napi_value setSiteHooks(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    Environment::of(env).setSiteHooks(arguments[0], arguments[1]);
    return undefined(env);
  });
}

// failAllocation(device, number): for tests, that request for memory from now on fails; 0: none does
napi_value failAllocation(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> arguments(env, info);
    Index number = readInteger(env, arguments[1], {"failAllocation", "number"});
    deviceArgument(env, arguments[0], "failAllocation")
        ->allocator()
        .failRequest(static_cast<std::size_t>(std::max<Index>(number, 0)));
    return undefined(env);
  });
}

// setCudaPlugins(files): where plugins for cuda devices may lie, the best first
napi_value setCudaPlugins(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    napi_value array = Arguments<1>(env, info)[0];
    const Place place{"setCudaPlugins", "files"};
    std::vector<std::filesystem::path> files;
    for (std::uint32_t i = 0, length = readArrayLength(env, array, place, "an array of files"); i < length; i++) {
      files.emplace_back(Napi::Value(env, readElement(env, array, i)).ToString().Utf8Value());
    }
    cnn::setCudaPlugins(std::move(files));
    return undefined(env);
  });
}

// stopAtExit(): the process is about to exit; no task runs any more that nobody waits for
napi_value stopAtExit(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    holdQueuesForExit();
    return undefined(env);
  });
}

napi_value manualSeed(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment::of(env).session.seed(readInteger(env, Arguments<1>(env, info)[0], {"manualSeed", "seed"}));
    return undefined(env);
  });
}
napi_value seed(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, static_cast<double>(Environment::of(env).session.seed())); });
}
napi_value offset(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, static_cast<double>(Environment::of(env).session.offset())); });
}
napi_value nextOffset(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, static_cast<double>(Environment::of(env).session.nextOffset())); });
}
napi_value setOffset(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Index value = readInteger(env, Arguments<1>(env, info)[0], {"setRandomState", "offset"});
    Environment::of(env).session.setOffset(value);
    return undefined(env);
  });
}

napi_value threads(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return toJs(env, static_cast<double>(getThreads())); });
}
napi_value setThreadCount(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Index count = readInteger(env, Arguments<1>(env, info)[0], {"setThreads", "threads"});
    if (count < 0 || count > 4096)
      fail(ErrorKind::value, "setThreads: threads is ", count, ", expected 0 (all cores) … 4096");
    setThreads(static_cast<int>(count));
    return undefined(env);
  });
}

napi_value setErrorFactory(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Environment::of(env).setErrorFactory(Arguments<1>(env, info)[0]);
    return undefined(env);
  });
}

}  // namespace

void exportDevices(Napi::Env env, Napi::Object exports) {
  define(env, exports, "devices", devices);
  define(env, exports, "openDevice", openNamed);
  define(env, exports, "whyNoCuda", whyNoCuda);
  define(env, exports, "cpuLevels", levels);
  define(env, exports, "cudaOptions", cudaOptions);
  define(env, exports, "setCudaOptions", setCudaOptions);
  define(env, exports, "memory", memory);
  define(env, exports, "kernelKinds", kernelKinds);
  define(env, exports, "heapBytes", heapBytes);
  define(env, exports, "setMemoryLimit", setMemoryLimit);
  define(env, exports, "resetPeak", resetPeak);
  define(env, exports, "trim", trim);
  define(env, exports, "synchronize", synchronize);
  define(env, exports, "synchronizeSync", synchronizeSync);
  define(env, exports, "setCudaPlugins", setCudaPlugins);
  define(env, exports, "stopAtExit", stopAtExit);
  define(env, exports, "unreadFailures", unreadFailures);
  define(env, exports, "setFailureListener", setFailureListener);
  define(env, exports, "setSiteHooks", setSiteHooks);
  define(env, exports, "failAllocation", failAllocation);
  define(env, exports, "manualSeed", manualSeed);
  define(env, exports, "seed", seed);
  define(env, exports, "offset", offset);
  define(env, exports, "nextOffset", nextOffset);
  define(env, exports, "setOffset", setOffset);
  define(env, exports, "threads", threads);
  define(env, exports, "setThreads", setThreadCount);
  define(env, exports, "setErrorFactory", setErrorFactory);
}

}  // namespace cnn

// The groups of functions that the addon exports.
#pragma once

#include <napi.h>

namespace cnn {

void exportOps(Napi::Env env, Napi::Object exports);
void exportTensors(Napi::Env env, Napi::Object exports);
void exportGradients(Napi::Env env, Napi::Object exports);
void exportDevices(Napi::Env env, Napi::Object exports);

/// Exports a plain function.
inline void define(Napi::Env env, Napi::Object exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  exports.Set(name, Napi::Value(env, function));
}

}  // namespace cnn
